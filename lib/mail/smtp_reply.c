#include <mail/smtp_reply.h>

#define LINE(text) BYTES_INIT(text "\r\n")

static const struct bytes lines[SMTP_REPLIES] = {
    [SMTP_REPLY_OK] = LINE("250 2.0.0 Ok"),
    [SMTP_REPLY_SENDER_OK] = LINE("250 2.1.0 Ok"),
    [SMTP_REPLY_RECIPIENT_OK] = LINE("250 2.1.5 Ok"),
    [SMTP_REPLY_MESSAGE_OK] = LINE("250 2.0.0 Ok: message accepted"),
    [SMTP_REPLY_CHUNK_OK] = LINE("250 2.0.0 Ok: chunk received"),
    [SMTP_REPLY_START_INPUT] = LINE("354 End data with <CR><LF>.<CR><LF>"),
    [SMTP_REPLY_BYE] = LINE("221 2.0.0 Bye"),
    [SMTP_REPLY_START_TLS] = LINE("220 2.0.0 Ready to start TLS"),
    [SMTP_REPLY_AUTH_EMPTY] = LINE("334 "),
    [SMTP_REPLY_AUTH_USER] = LINE("334 VXNlcm5hbWU6"),     /* Username: */
    [SMTP_REPLY_AUTH_PASSWORD] = LINE("334 UGFzc3dvcmQ6"), /* Password: */
    [SMTP_REPLY_HELP] = LINE("214 2.0.0 Commands are described in RFC 5321"),
    [SMTP_REPLY_CANNOT_VERIFY] = LINE("252 2.1.5 Cannot verify, but will take mail"),

    [SMTP_REPLY_TOO_MANY_CONNECTIONS] = LINE("421 4.7.0 Too many connections, try again later"),
    [SMTP_REPLY_TIMEOUT] = LINE("421 4.4.2 Timeout, closing connection"),
    [SMTP_REPLY_TOO_SLOW] = LINE("421 4.4.2 Data arrive too slowly, closing connection"),
    [SMTP_REPLY_SESSION_TOO_LONG] = LINE("421 4.4.2 Session too long, closing connection"),
    [SMTP_REPLY_SHUTDOWN] = LINE("421 4.3.2 Service shutting down, try again later"),
    [SMTP_REPLY_TOO_MANY_ERRORS] = LINE("421 4.7.0 Too many errors, closing connection"),
    [SMTP_REPLY_TOO_MANY_COMMANDS] = LINE("421 4.7.0 Too many commands, closing connection"),
    [SMTP_REPLY_NO_MEMORY] = LINE("421 4.3.0 Out of memory, try again later"),
    [SMTP_REPLY_NO_STORAGE] = LINE("452 4.3.1 Insufficient system storage, try again later"),
    [SMTP_REPLY_TOO_MANY_RECIPIENTS] = LINE("452 4.5.3 Too many recipients"),
    [SMTP_REPLY_NO_TLS] = LINE("454 4.7.0 TLS not available, try again later"),
    [SMTP_REPLY_NOT_NOW] = LINE("450 4.2.0 Not available now, try again later"),

    [SMTP_REPLY_LINE_TOO_LONG] = LINE("500 5.5.2 Line too long"),
    [SMTP_REPLY_BAD_OCTET] = LINE("500 5.5.2 Control character in command"),
    [SMTP_REPLY_UNKNOWN_COMMAND] = LINE("500 5.5.1 Command not recognized"),
    [SMTP_REPLY_NOT_IMPLEMENTED] = LINE("502 5.5.1 Command not implemented"),
    [SMTP_REPLY_SYNTAX] = LINE("501 5.5.4 Syntax error in arguments"),
    [SMTP_REPLY_NO_ARGUMENT_ALLOWED] = LINE("501 5.5.4 No argument allowed"),
    [SMTP_REPLY_BAD_HELO] = LINE("501 5.5.4 Domain or address literal required"),
    [SMTP_REPLY_BAD_SENDER] = LINE("501 5.1.7 Bad sender address syntax"),
    [SMTP_REPLY_BAD_RECIPIENT] = LINE("501 5.1.3 Bad recipient address syntax"),
    [SMTP_REPLY_BAD_PARAMETER] = LINE("501 5.5.4 Bad parameter"),
    [SMTP_REPLY_UNKNOWN_PARAMETER] = LINE("555 5.5.4 Parameter not recognized"),
    [SMTP_REPLY_BAD_SEQUENCE] = LINE("503 5.5.1 Bad sequence of commands"),
    [SMTP_REPLY_NESTED_MAIL] = LINE("503 5.5.1 Sender already given"),
    [SMTP_REPLY_NEED_MAIL] = LINE("503 5.5.1 Need MAIL command first"),
    [SMTP_REPLY_NEED_RCPT] = LINE("503 5.5.1 Need RCPT command first"),
    [SMTP_REPLY_NEED_LAST] = LINE("503 5.5.1 Need BDAT LAST or RSET first"),
    [SMTP_REPLY_NEED_BDAT] = LINE("503 5.5.1 BODY=BINARYMIME needs BDAT"),
    [SMTP_REPLY_CHUNK_LOST] = LINE("521 5.5.4 Bad chunk size, closing connection"),
    [SMTP_REPLY_AUTH_FAILED] = LINE("535 5.7.8 Authentication credentials invalid"),
    [SMTP_REPLY_AUTH_CANCELLED] = LINE("501 5.7.0 Authentication cancelled"),
    [SMTP_REPLY_AUTH_BASE64] = LINE("501 5.5.2 Cannot decode base64"),
    [SMTP_REPLY_AUTH_TOO_LONG] = LINE("500 5.5.6 Authentication exchange line is too long"),
    [SMTP_REPLY_AUTH_MECHANISM] = LINE("504 5.5.4 Unrecognized authentication type"),
    [SMTP_REPLY_UNKNOWN_USER] = LINE("550 5.1.1 User unknown"),
    [SMTP_REPLY_NO_RELAY] = LINE("550 5.7.1 Relaying denied"),
    [SMTP_REPLY_REFUSED] = LINE("550 5.7.1 Message refused"),
    [SMTP_REPLY_TOO_BIG] = LINE("552 5.3.4 Message too big"),
    [SMTP_REPLY_NOT_SMTP] = LINE("554 5.5.0 This is SMTP, closing connection"),
};

struct bytes smtp_reply_line(enum smtp_reply r)
{
    return lines[r];
}

unsigned smtp_reply_code(enum smtp_reply r)
{
    const uint8_t *p = lines[r].p;

    return (p[0] - '0') * 100u + (p[1] - '0') * 10u + (unsigned)(p[2] - '0');
}
