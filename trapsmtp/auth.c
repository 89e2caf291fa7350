#include "auth.h"

#include <stdlib.h>

_Static_assert((int)SMTP_AUTH_USER_MAX == (int)AUTH_USER_MAX &&
                   (int)SMTP_AUTH_MECHANISM_MAX == (int)AUTH_MECHANISM_MAX,
               "what is read can be kept");

struct kept {
    uint8_t mechanism_len, user_len;
    uint8_t mechanism[AUTH_MECHANISM_MAX];
    uint8_t user[AUTH_USER_MAX];
    uint8_t secret[AUTH_SECRET_BYTES];
};

struct auth_list {
    size_t count;
    struct auth_attempt view[AUTH_KEPT_MAX]; /* into kept; made by auth_list_tell() */
    struct kept kept[];
};

static size_t list_bytes(size_t count)
{
    return sizeof(struct auth_list) + count * sizeof(struct kept);
}

void auth_list_add(struct auth_list **list, const struct smtp_auth *a, const uint8_t *secret)
{
    const size_t count = *list != NULL ? (*list)->count : 0;
    struct kept one = { .mechanism_len = a->mechanism_len, .user_len = a->user_len };
    struct auth_list *grown;

    if (a->mechanism_len == 0) /* nothing is known of it */
        return;
    memcpy(one.mechanism, a->mechanism, a->mechanism_len);
    memcpy(one.user, a->user, a->user_len);
    if (secret != NULL)
        memcpy(one.secret, secret, sizeof(one.secret));
    for (size_t i = 0; i < count; i++)
        if (memcmp(&(*list)->kept[i], &one, sizeof(one)) == 0)
            return;
    if (count == AUTH_KEPT_MAX)
        return;
    grown = realloc(*list, list_bytes(count + 1));
    if (grown == NULL)
        return;
    grown->count = count + 1;
    grown->kept[count] = one;
    *list = grown;
}

void auth_list_free(struct auth_list **list)
{
    free(*list);
    *list = NULL;
}

struct auth_list *auth_list_copy(const struct auth_list *list)
{
    struct auth_list *copy = list != NULL ? malloc(list_bytes(list->count)) : NULL;

    if (copy != NULL)
        memcpy(copy, list, list_bytes(list->count));
    return copy;
}

void auth_list_tell(struct auth_list *list, struct session_record *out)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const struct kept *k = &list->kept[i];

        list->view[i] = (struct auth_attempt){ .mechanism = bytes_of(k->mechanism, k->mechanism_len),
                                               .user = bytes_of(k->user, k->user_len) };
        memcpy(list->view[i].secret, k->secret, sizeof(k->secret));
    }
    out->auths = list->view;
    out->auth_count = list->count;
}
