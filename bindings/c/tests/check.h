/* Shared by the tests in C: checks that end the program on failure, and a temporary folder. */
#ifndef CHECK_H
#define CHECK_H

#define _XOPEN_SOURCE 700
#include <convofold.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: check failed: %s; last error: %s\n", __FILE__, __LINE__, #condition,               \
                    convofold_last_error_message());                                                                   \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The call returns this error, and it is the last error of the thread. */
#define EXPECT(error, call)                                                                                            \
    do {                                                                                                               \
        convofold_error found_ = (call);                                                                               \
        if (found_ != (error)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s returned %d instead of %s: %s\n", __FILE__, __LINE__, #call, (int)found_, #error, \
                    convofold_last_error_message());                                                                   \
            exit(1);                                                                                                   \
        }                                                                                                              \
        CHECK(found_ == CONVOFOLD_ERROR_NONE ||                                                                        \
              (convofold_last_error() == found_ && convofold_last_error_message()[0] != '\0'));                        \
    } while (0)

#define OK(call) EXPECT(CONVOFOLD_ERROR_NONE, call)

/* The call sets `json` to a text that contains `expected`. */
#define SAYS(expected, call)                                                                                           \
    do {                                                                                                               \
        char *json = NULL;                                                                                             \
        OK(call);                                                                                                      \
        if (json == NULL || strstr(json, expected) == NULL)                                                            \
            fprintf(stderr, "expected %s in %s\n", expected, json == NULL ? "nothing" : json);                         \
        CHECK(json != NULL && strstr(json, expected) != NULL);                                                         \
        OK(convofold_string_free(json));                                                                               \
    } while (0)

static char folder[64];

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Creates the folder. It is removed when the program exits. */
static inline void make_folder(void)
{
    strcpy(folder, "/tmp/convofold-c-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    atexit(remove_folder);
}

/* A path in the folder, valid until the fourth call after this one. */
static inline const char *in_folder(const char *name)
{
    static _Thread_local char paths[4][128];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Writes message `number` of a conversation, one second after the previous one, in convofold's own format with a line feed.
 * Returns its length. */
static inline int message(char *line, size_t room, const char *conversation, int number)
{
    char at[32];
    time_t seconds = 1700000000 + number;
    struct tm parts;
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
    return snprintf(line, room,
                    "{\"convofold\":1,\"source\":\"helpdesk\",\"conversation\":\"%s\",\"kind\":\"message\","
                    "\"occurred\":\"%s\",\"direction\":\"%s\",\"text\":\"Number %d\","
                    "\"agent\":{\"id\":\"7\",\"name\":\"Ida\"}}\n",
                    conversation, at, number % 3 == 2 ? "out" : "in", number);
}

/* Ingests `count` messages, numbered from `first`, distributed over the conversations c-0 to c-6. */
static inline void ingest_messages(convofold_db db, int first, int count)
{
    char *lines = malloc((size_t)count * 256), *end = lines;
    CHECK(lines != NULL);
    for (int number = first; number < first + count; number++) {
        char conversation[16];
        snprintf(conversation, sizeof conversation, "c-%d", number % 7);
        end += message(end, 256, conversation, number);
    }
    convofold_ingest_options options = {.size = sizeof options, .format = CONVOFOLD_FORMAT_CONVOFOLD};
    convofold_ingested ingested = {.size = sizeof ingested};
    char *rejections = NULL;
    OK(convofold_ingest(db, lines, (size_t)(end - lines), &options, &ingested, &rejections));
    if (rejections != NULL)
        fprintf(stderr, "%.400s\n", rejections);
    CHECK(rejections == NULL && ingested.events == (uint64_t)count);
    free(lines);
}

/* Returns the contents of a file followed by a NUL, or NULL if there is no such file. The caller frees it. */
static inline char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    CHECK(fseek(file, 0, SEEK_END) == 0);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    CHECK(bytes != NULL && fread(bytes, 1, *length, file) == *length);
    bytes[*length] = '\0';
    fclose(file);
    return bytes;
}

/* Receives an export. */
typedef struct {
    char *bytes;
    size_t length;
} buffer;

static inline int32_t append(void *user_data, const void *bytes, size_t length)
{
    buffer *to = user_data;
    to->bytes = realloc(to->bytes, to->length + length + 1);
    CHECK(to->bytes != NULL);
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
    to->bytes[to->length] = '\0';
    return 0;
}

static inline bool same_hash(convofold_db a, convofold_db b)
{
    convofold_hash hash_a, hash_b;
    OK(convofold_state_hash(a, &hash_a));
    OK(convofold_state_hash(b, &hash_b));
    return strcmp(hash_a.hex, hash_b.hex) == 0 && memcmp(hash_a.bytes, hash_b.bytes, 32) == 0;
}

#endif
