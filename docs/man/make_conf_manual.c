/* make_conf_manual.c - prints trapline.conf(5). */
#include <base/buf.h>
#include <base/config.h>

#include <stdio.h>

int main(void)
{
    struct buf out;
    int code;

    buf_init(&out, 1 << 20);
    config_manual(&out);
    code = out.err == TRAP_OK && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 ? 0 : 1;
    buf_free(&out);
    return code;
}
