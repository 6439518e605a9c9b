/* The machine's limit for a download: one GET, received into buffers that are used again and again, hashed by a second
 * thread.
 *
 *   download [--tls CERTIFICATE] [--file PATH] HOST PORT PATH
 *
 * With --file a third thread writes what came: on two processors, with the server beside it, that was measured to be
 * faster than writing in the thread that receives, before or after a piece is handed on to be hashed.
 */

#include "common.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writing {
    struct pipeline *pipeline;
    int file;
};

static void *write_all(void *argument) {
    struct writing *writing = argument;
    for (struct piece *piece; (piece = pipeline_next(writing->pipeline, 1)); pipeline_taken(writing->pipeline, 1))
        for (size_t at = 0; at < piece->length;) {
            ssize_t count = write(writing->file, piece->data + at, piece->length - at);
            if (count <= 0)
                fail("write");
            at += (size_t)count;
        }
    return NULL;
}

int main(int count, char **arguments) {
    const char *certificate = NULL, *path = NULL;
    int at = 1;
    for (; at + 1 < count && strncmp(arguments[at], "--", 2) == 0; at += 2)
        if (strcmp(arguments[at], "--tls") == 0)
            certificate = arguments[at + 1];
        else if (strcmp(arguments[at], "--file") == 0)
            path = arguments[at + 1];
    if (count - at != 3) {
        fputs("download [--tls CERTIFICATE] [--file PATH] HOST PORT PATH\n", stderr);
        return 2;
    }
    double begin = now();
    struct connection server = connect_to(arguments[at], arguments[at + 1], certificate);
    static char header[HEADER], request[4096], length[32];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\nAccept-Encoding: identity\r\n\r\n",
             arguments[at + 2], arguments[at], arguments[at + 1]);
    send_all(&server, request, strlen(request));
    size_t have, body = receive_header(&server, header, &have);
    if (strncmp(header, "HTTP/1.1 200", 12) != 0)
        fail(header);
    header_value(header, "content-length:", length, sizeof length);
    size_t size = strtoull(length, NULL, 10), came = have - body;

    struct pipeline pipeline;
    pipeline_open(&pipeline, path ? 2 : 1, 1);
    struct hashing hashing;
    hashing_start(&hashing, &pipeline);
    struct writing writing = {&pipeline, -1};
    pthread_t writer;
    if (path) {
        if ((writing.file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) < 0)
            fail(path);
        pthread_create(&writer, NULL, write_all, &writing);
    }
    struct piece *piece = pipeline_free(&pipeline);
    memcpy(piece->data, header + body, came);
    piece->length = came;
    for (;;) {
        while (piece->length < PIECE && came < size) {
            size_t got = receive(&server, piece->data + piece->length, PIECE - piece->length);
            if (got == 0)
                fail("the body breaks off");
            piece->length += got;
            came += got;
        }
        pipeline_put(&pipeline);
        if (came == size)
            break;
        piece = pipeline_free(&pipeline);
        piece->length = 0;
    }
    pipeline_end(&pipeline);
    hashing_join(&hashing);
    if (path) {
        pthread_join(writer, NULL);
        if (close(writing.file) != 0)
            fail("close");
    }
    tell(now() - begin, size, hashing.digest);
    return 0;
}
