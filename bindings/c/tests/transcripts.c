/* transcripts DIR [N]: checks every (or every N-th) transcript that the tool `transcripts` unpacked into DIR. The result must be
 * the same as in Rust. */
#include "check.h"
#include <dirent.h>
#include <inttypes.h>

static char path[4096];

static const char *part(const char *dir, const char *name, const char *file)
{
    snprintf(path, sizeof path, "%s/%s/%s", dir, name, file);
    return path;
}

static void ingest_all(convofold_db db, const char *dir, const char *name, convofold_ingested *sum)
{
    for (int number = 1;; number++) {
        char file[32];
        snprintf(file, sizeof file, "input-%d", number);
        size_t length;
        char *input = read_file(part(dir, name, file), &length);
        if (input == NULL) {
            CHECK(number > 1);
            return;
        }
        convofold_ingested one = {.size = sizeof one};
        OK(convofold_ingest(db, input, length, NULL, &one, NULL));
        sum->applied += one.applied + one.late;
        sum->duplicates += one.duplicates;
        sum->conflicts += one.conflicts;
        sum->ignored += one.ignored;
        sum->rejected += one.rejected;
        free(input);
    }
}

static bool counts_agree(const char *dir, const char *name, const convofold_ingested *sum)
{
    size_t length;
    char *expected = read_file(part(dir, name, "counts"), &length);
    if (expected == NULL)
        return true;
    char found[256];
    snprintf(found, sizeof found,
             "{\"accepted\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"conflicts\":%" PRIu64 ",\"ignored\":%" PRIu64
             ",\"rejected\":%" PRIu64 "}\n",
             sum->applied, sum->duplicates, sum->conflicts, sum->ignored, sum->rejected);
    bool agree = strcmp(expected, found) == 0;
    if (!agree)
        fprintf(stderr, "%s: expected %s, found %s", name, expected, found);
    free(expected);
    return agree;
}

static bool export_agrees(const char *dir, const char *name, convofold_db db)
{
    size_t length;
    char *expected = read_file(part(dir, name, "export.ndjson"), &length);
    CHECK(expected != NULL);
    buffer found = {0};
    OK(convofold_export(db, append, &found, NULL));
    bool agree = found.length == length && (length == 0 || memcmp(found.bytes, expected, length) == 0);
    if (!agree)
        fprintf(stderr, "%s: expected\n%s\nfound\n%s\n", name, expected, found.bytes == NULL ? "" : found.bytes);
    free(expected);
    free(found.bytes);
    return agree;
}

static bool hash_agrees(const char *dir, const char *name, convofold_db db)
{
    size_t length;
    char *expected = read_file(part(dir, name, "hash"), &length);
    CHECK(expected != NULL && length == 65);
    convofold_hash found;
    OK(convofold_state_hash(db, &found));
    bool agree = strncmp(expected, found.hex, 64) == 0;
    if (!agree)
        fprintf(stderr, "%s: expected the hash %sfound %s\n", name, expected, found.hex);
    free(expected);
    return agree;
}

static bool agrees(const char *dir, const char *name)
{
    convofold_db db;
    OK(convofold_open(in_folder(name), NULL, &db));
    convofold_ingested sum = {.size = sizeof sum};
    ingest_all(db, dir, name, &sum);
    bool agree = counts_agree(dir, name, &sum) & export_agrees(dir, name, db) & hash_agrees(dir, name, db);
    OK(convofold_close(db));
    return agree;
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    int every = argc > 2 ? atoi(argv[2]) : 1, seen = 0, failed = 0;
    make_folder();
    DIR *dir = opendir(argv[1]);
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.' && seen++ % every == 0)
            failed += !agrees(argv[1], entry->d_name);
    }
    closedir(dir);
    CHECK(seen > 100);
    CHECK(failed == 0);
    return 0;
}
