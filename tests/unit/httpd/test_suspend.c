#include "client.h"

/* A writer as trapweb has one: jobs wait in a list until a thread of its own completes them. */
struct job {
    struct httpd_wait wait;
    struct job *next;
    char text[32];
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *waiting;
static atomic_uint given, completed, late, in_time, fallback, dropped, refused;
static bool answer_at_once, slow_handler;
static atomic_uint suspended;

static void respond_text(struct httpd_request *r, const char *text)
{
    const struct httpd_response a = { 200, "text/plain", NULL, 0, bytes_str(text), HTTPD_COPY };

    httpd_respond(r, &a);
}

static void complete(struct job *j)
{
    (void)snprintf(j->text, sizeof(j->text), "committed");
    atomic_fetch_add(&completed, 1);
    if (!httpd_resume(&j->wait)) {
        atomic_fetch_add(&late, 1);
        free(j);
    }
}

static void complete_all(void)
{
    struct job *list = NULL;

    (void)pthread_mutex_lock(&lock);
    list = waiting;
    waiting = NULL;
    (void)pthread_mutex_unlock(&lock);
    while (list != NULL) {
        struct job *next = list->next;
        complete(list);
        list = next;
    }
}

static void on_request(struct httpd_request *r, void *arg)
{
    struct job *j = calloc(1, sizeof(*j));

    (void)arg;
    assert_non_null(j);
    if (!httpd_suspend(r, &j->wait)) {
        atomic_fetch_add(&refused, 1);
        free(j);
        respond_text(r, "stopping");
        return;
    }
    atomic_fetch_add(&suspended, 1);
    if (slow_handler)
        pause_ms(100);
    atomic_fetch_add(&given, 1);
    if (answer_at_once) { /* resumed before the handler comes back */
        complete(j);
        return;
    }
    (void)pthread_mutex_lock(&lock);
    j->next = waiting;
    waiting = j;
    (void)pthread_mutex_unlock(&lock);
}

static void on_resumed(struct httpd_request *r, struct httpd_wait *w, void *arg)
{
    struct job *j = (struct job *)w; /* first member */

    (void)arg;
    if (j == NULL) {
        atomic_fetch_add(&fallback, 1);
        respond_text(r, "fallback");
        return;
    }
    atomic_fetch_add(&in_time, 1);
    respond_text(r, j->text);
    free(j);
}

static void on_dropped(struct httpd_wait *w, void *arg)
{
    (void)arg;
    atomic_fetch_add(&dropped, 1);
    free(w);
}

static int reset(void **state)
{
    (void)state;
    suspended = given = completed = late = in_time = fallback = dropped = refused = 0;
    waiting = NULL;
    answer_at_once = slow_handler = false;
    return 0;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static void test_in_time(void **state)
{
    struct httpd_options o = { .request = on_request, .resumed = on_resumed, .dropped = on_dropped, .deadline = SPAN_S(20) };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);
    struct reply r;

    (void)state;
    for (int i = 0; i < 3; i++) {
        client_send(fd, get);
        while (atomic_load(&given) != (unsigned)i + 1)
            pause_ms(1);
        complete_all();
        client_receive(fd, &r, false);
        assert_string_equal(r.body, "committed");
    }
    answer_at_once = true;
    assert_string_equal(client_ask(fd, get)->body, "committed");
    assert_int_equal(in_time, 4);
    assert_int_equal(fallback + late + dropped, 0);
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

static void test_deadline(void **state)
{
    struct httpd_options o = { .request = on_request, .resumed = on_resumed, .dropped = on_dropped, .deadline = SPAN_MS(100) };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);
    struct httpd_stats stats;

    (void)state;
    for (int i = 0; i < 3; i++) {
        const mono_t begin = mono_now();
        assert_string_equal(client_ask(fd, get)->body, "fallback");
        assert_in_range(mono_diff(mono_now(), begin).ms, 95, 20000);
    }
    complete_all(); /* too late: the jobs stay with the completing side */
    assert_int_equal(late, 3);
    assert_int_equal(fallback, 3);
    httpd_stats(h, &stats);
    assert_int_equal(stats.deadlines, 3);
    assert_int_equal(stats.suspended_now, 0);
    (void)close(fd);
    httpd_stop(&h, NULL, NULL);
}

static void test_client_gone(void **state)
{
    struct httpd_options o = { .request = on_request, .resumed = on_resumed, .dropped = on_dropped, .deadline = SPAN_S(20) };
    struct httpd *h = server_start(&o);
    const int fd = client_connect(h);
    const struct linger reset_now = { 1, 0 };

    (void)state;
    client_send(fd, get);
    while (atomic_load(&given) != 1)
        pause_ms(1);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_now, sizeof(reset_now));
    (void)close(fd);
    pause_ms(20);
    complete_all();
    httpd_stop(&h, NULL, NULL);
    assert_int_equal(in_time + dropped, 1); /* owned and freed by the request side, whichever callback it was */
}

/* ---- completion and deadline at the same moment, many times ---- */
static atomic_bool racing;

static void *race_writer(void *arg)
{
    (void)arg;
    while (atomic_load(&racing)) {
        pause_ms(5); /* the deadline of the test */
        complete_all();
    }
    complete_all();
    return NULL;
}

static void *race_client(void *arg)
{
    const int fd = client_connect(arg);

    for (int i = 0; i < 150; i++)
        if (client_ask(fd, get)->status != 200)
            break;
    (void)close(fd);
    return NULL;
}

static void test_race(void **state)
{
    struct httpd_options o = { .request = on_request, .resumed = on_resumed, .dropped = on_dropped, .deadline = SPAN_MS(5) };
    struct httpd *h = server_start(&o);
    pthread_t writer, clients[8];

    (void)state;
    atomic_store(&racing, true);
    assert_int_equal(pthread_create(&writer, NULL, race_writer, NULL), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, race_client, h), 0);
    for (int i = 0; i < 8; i++)
        (void)pthread_join(clients[i], NULL);
    atomic_store(&racing, false);
    (void)pthread_join(writer, NULL);
    httpd_stop(&h, NULL, NULL);
    assert_int_equal(given, 8 * 150);
    assert_int_equal(completed, given);
    assert_int_equal(in_time + fallback, given); /* every request answered exactly once */
    assert_int_equal(in_time + late, given);     /* every job freed exactly once */
    assert_true(in_time > 0 && fallback > 0);
}

/* ---- stop under load ---- */
static atomic_uint answers;

static void *stop_client(void *arg)
{
    const int fd = client_connect(arg);
    struct reply r;

    client_send(fd, get);
    client_receive(fd, &r, false);
    if (r.status == 200 && (strcmp(r.body, "committed") == 0 || strcmp(r.body, "stopping") == 0))
        atomic_fetch_add(&answers, 1);
    (void)close(fd);
    return NULL;
}

static void drain(void *arg)
{
    (void)arg;
    pause_ms(20);
    complete_all();
}

static void test_stop_with_suspended(void **state)
{
    struct httpd_options o = { .request = on_request, .resumed = on_resumed, .dropped = on_dropped, .deadline = SPAN_S(20) };
    struct httpd *h = server_start(&o);
    pthread_t clients[32];

    (void)state;
    atomic_store(&answers, 0);
    for (int i = 0; i < 32; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, stop_client, h), 0);
    while (atomic_load(&given) != 32)
        pause_ms(1);
    httpd_stop(&h, drain, NULL);
    for (int i = 0; i < 32; i++)
        (void)pthread_join(clients[i], NULL);
    assert_int_equal(answers, 32);
    assert_int_equal(in_time, 32);
}

/* The stop comes between the suspension and the hand-over of the job: the drain must still find the job. */
static void test_stop_in_handler(void **state)
{
    struct httpd_options o = { .request = on_request, .resumed = on_resumed, .dropped = on_dropped, .deadline = SPAN_S(20) };
    struct httpd *h = server_start(&o);
    pthread_t client;

    (void)state;
    slow_handler = true;
    atomic_store(&answers, 0);
    assert_int_equal(pthread_create(&client, NULL, stop_client, h), 0);
    while (atomic_load(&suspended) != 1)
        pause_ms(1);
    httpd_stop(&h, drain, NULL);
    (void)pthread_join(client, NULL);
    assert_int_equal(answers, 1);
    assert_int_equal(in_time, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_time, reset),     cmocka_unit_test_setup(test_deadline, reset),
        cmocka_unit_test_setup(test_client_gone, reset), cmocka_unit_test_setup(test_race, reset),
        cmocka_unit_test_setup(test_stop_with_suspended, reset),
        cmocka_unit_test_setup(test_stop_in_handler, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
