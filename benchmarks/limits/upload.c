/* The machine's limit for an upload: all in one PATCH, hashed by a second thread beside the sending.
 *
 *   upload [--memory] HOST PORT REPOSITORY SOURCE
 *
 * The source is read while it is sent, or with --memory before the clock starts. It is sent from the buffers that are
 * hashed, not by sendfile(2): what is sent has to be what was hashed, also where somebody writes to the file meanwhile.
 */

#include "common.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char header[HEADER], request[8192], location[4096];
static const char *host, *port;

/* An answer without a body; gives where it sends us. */
static void answered(struct connection *server, const char *status) {
    size_t have, body = receive_header(server, header, &have);
    if (strncmp(header + 9, status, 3) != 0 || have != body)
        fail(header);
    header_value(header, "location:", location, sizeof location);
}

static void ask(struct connection *server, const char *method, const char *target, size_t length) {
    snprintf(request, sizeof request,
             "%s %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: %zu\r\nContent-Type: application/octet-stream\r\n\r\n",
             method, target, host, port, length);
    send_all(server, request, strlen(request));
}

static size_t read_all(int file, unsigned char *into, size_t room) {
    size_t have = 0;
    while (have < room) {
        ssize_t count = read(file, into + have, room - have);
        if (count < 0)
            fail("read");
        if (count == 0)
            break;
        have += (size_t)count;
    }
    return have;
}

int main(int count, char **arguments) {
    int memory = count > 1 && strcmp(arguments[1], "--memory") == 0;
    if (count - memory != 5) {
        fputs("upload [--memory] HOST PORT REPOSITORY SOURCE\n", stderr);
        return 2;
    }
    arguments += memory;
    host = arguments[1], port = arguments[2];
    static char target[8192];
    int file = open(arguments[4], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        fail(arguments[4]);
    size_t size = (size_t)status.st_size;
    unsigned char *whole = NULL;
    if (memory) {
        if (!(whole = malloc(size)) || read_all(file, whole, size) != size)
            fail(arguments[4]);
    }

    double begin = now();
    struct connection server = connect_to(host, port, NULL);
    snprintf(target, sizeof target, "/v2/%s/blobs/uploads/", arguments[3]);
    ask(&server, "POST", target, 0);
    answered(&server, "202");
    ask(&server, "PATCH", location, size);
    struct pipeline pipeline;
    pipeline_open(&pipeline, 1, !memory);
    struct hashing hashing;
    hashing_start(&hashing, &pipeline);
    for (size_t sent = 0; sent < size;) {
        struct piece *piece = pipeline_free(&pipeline);
        piece->length = size - sent < PIECE ? size - sent : PIECE;
        if (memory)
            piece->data = whole + sent;
        else if (read_all(file, piece->data, piece->length) != piece->length)
            fail("the source has become shorter");
        struct piece sending = *piece;
        pipeline_put(&pipeline); /* hashed while it is sent; it is filled anew only behind the sending, by this thread */
        send_all(&server, sending.data, sending.length);
        sent += sending.length;
    }
    pipeline_end(&pipeline);
    hashing_join(&hashing);
    answered(&server, "202");
    snprintf(target, sizeof target, "%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', hashing.digest);
    ask(&server, "PUT", target, 0);
    answered(&server, "201");
    tell(now() - begin, size, hashing.digest);
    return 0;
}
