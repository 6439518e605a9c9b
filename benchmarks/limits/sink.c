/* A registry for uploads that stores nothing.
 *
 *   sink
 *
 * It prints the port that it listens on, of 127.0.0.1. Uploads are opened, take chunks, tell how far they are, are
 * committed and cancelled; what was received is read and forgotten, and no digest is looked at. How far an upload is
 * stands in its Location. GET /received tells how many bytes of bodies have come in all.
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1024 * 1024, HEADER = 64 * 1024 };

static atomic_ullong received;
static atomic_ullong uploads;

struct caller {
    int socket;
    char header[HEADER];
    size_t have; /* bytes in header, those of the body behind it among them */
    char discarded[ROOM];
};

static int send_all(int socket, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        data += sent;
        length -= (size_t)sent;
    }
    return 1;
}

/* An answer; the headers each end in CRLF. */
static int answer(struct caller *to, const char *status, const char *body, const char *headers, ...) {
    char extra[8192], text[16384];
    va_list arguments;
    va_start(arguments, headers);
    vsnprintf(extra, sizeof extra, headers, arguments);
    va_end(arguments);
    int length = snprintf(text, sizeof text, "HTTP/1.1 %s\r\n%s%s%s", status, extra,
                          "Docker-Distribution-Api-Version: registry/2.0\r\n", strncmp(status, "204", 3) ? "" : "\r\n");
    if (strncmp(status, "204", 3) != 0)
        length += snprintf(text + length, sizeof text - (size_t)length,
                           "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return send_all(to->socket, text, (size_t)length);
}

/* Waits for a header; gives its length, or 0 when the caller is gone. */
static size_t next_header(struct caller *from) {
    for (;;) {
        from->header[from->have] = '\0';
        char *end = strstr(from->header, "\r\n\r\n");
        if (end)
            return (size_t)(end + 4 - from->header);
        if (from->have == HEADER - 1)
            return 0;
        ssize_t came = recv(from->socket, from->header + from->have, HEADER - 1 - from->have, 0);
        if (came <= 0)
            return 0;
        from->have += (size_t)came;
    }
}

/* Reads the body behind a header; what is behind that becomes the next header's beginning. */
static int discard_body(struct caller *from, size_t header, size_t length) {
    size_t there = from->have - header;
    if (there > length)
        there = length;
    memmove(from->header, from->header + header + there, from->have - header - there);
    from->have -= header + there;
    received += there;
    for (size_t left = length - there; left > 0;) {
        ssize_t came = recv(from->socket, from->discarded, left < ROOM ? left : ROOM, 0);
        if (came <= 0)
            return 0;
        left -= (size_t)came;
        received += (size_t)came;
    }
    return 1;
}

static unsigned long long number_after(const char *text, const char *mark) {
    const char *at = strcasestr(text, mark);
    return at ? strtoull(at + strlen(mark), NULL, 10) : 0;
}

/* Where an upload goes on, and how far it is; an empty one says 0-0, as ACR does. */
static int tell_upload(struct caller *to, const char *status, const char *path, unsigned long long offset) {
    return answer(to, status, "", "Location: %s?_state=%llu\r\nRange: 0-%llu\r\n", path, offset,
                  offset > 0 ? offset - 1 : 0);
}

static int serve_one(struct caller *caller) {
    char method[16], target[4096], path[4096];
    size_t header = next_header(caller);
    if (header == 0 || sscanf(caller->header, "%15s %4095s", method, target) != 2)
        return 0;
    caller->header[header - 1] = '\0'; /* what follows is the body */
    size_t length = number_after(caller->header, "\r\nContent-Length:");
    int chunked = strcasestr(caller->header, "\r\nTransfer-Encoding:") != NULL;
    int expects = strcasestr(caller->header, "\r\nExpect:") != NULL;
    if (chunked)
        return answer(caller, "411 Length Required", "{}", "") && 0;
    if (expects && !send_all(caller->socket, "HTTP/1.1 100 Continue\r\n\r\n", 25))
        return 0;
    if (!discard_body(caller, header, length))
        return 0;

    snprintf(path, sizeof path, "%.*s", (int)strcspn(target, "?"), target);
    unsigned long long offset = number_after(target, "_state=") + length;
    const char *digest = strcasestr(target, "digest=");
    int upload = strstr(path, "/blobs/uploads/") != NULL;
    if (strcmp(path, "/received") == 0) {
        char body[64];
        snprintf(body, sizeof body, "%llu", (unsigned long long)received);
        return answer(caller, "200 OK", body, "");
    }
    if (strcmp(path, "/v2/") == 0)
        return answer(caller, "200 OK", "{}", "");
    if (upload && strcmp(method, "POST") == 0) {
        char opened[4200];
        snprintf(opened, sizeof opened, "%s%llu", path, (unsigned long long)++uploads);
        return tell_upload(caller, "202 Accepted", opened, 0);
    }
    if (upload && strcmp(method, "PATCH") == 0)
        return tell_upload(caller, "202 Accepted", path, offset);
    if (upload && strcmp(method, "GET") == 0)
        return tell_upload(caller, "204 No Content", path, offset);
    if (upload && strcmp(method, "DELETE") == 0)
        return answer(caller, "204 No Content", "", "");
    if (upload && strcmp(method, "PUT") == 0 && digest) {
        char hash[80] = "";
        const char *hex = digest + strlen("digest=sha256:");
        if (strncmp(digest + strlen("digest=sha256"), "%3", 2) == 0)
            hex += 2;
        sscanf(hex, "%64[0-9a-f]", hash);
        return answer(caller, "201 Created", "", "Location: /v2/blobs/sha256:%s\r\nDocker-Content-Digest: sha256:%s\r\n",
                      hash, hash);
    }
    if (strcmp(method, "HEAD") == 0) /* no body, whatever its length says */
        return send_all(caller->socket, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 45);
    return answer(caller, "404 Not Found", "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"a sink\"}]}", "");
}

static void *serve(void *argument) {
    struct caller *caller = argument;
    while (serve_one(caller))
        ;
    close(caller->socket);
    free(caller);
    return NULL;
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        perror("sink");
        return 1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct caller *caller = malloc(sizeof *caller);
        pthread_t thread;
        if (!caller)
            return 1;
        caller->have = 0;
        caller->socket = accept(listener, NULL, NULL);
        if (caller->socket < 0) {
            free(caller);
            continue;
        }
        setsockopt(caller->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (pthread_create(&thread, NULL, serve, caller) != 0)
            return 1;
        pthread_detach(thread);
    }
}
