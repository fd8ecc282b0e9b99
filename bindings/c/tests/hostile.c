/* Misuse of the interface returns an error and does nothing else. */
#include "check.h"
#include <pthread.h>

#define INVALID CONVOFOLD_ERROR_INVALID_ARGUMENT

static const char *const BAD_UTF8 = "\xff\xfd";

static convofold_db open_db(const char *name)
{
    convofold_db db;
    OK(convofold_open(in_folder(name), NULL, &db));
    return db;
}

static int32_t no_bytes(void *user_data, const void *bytes, size_t length)
{
    (void)user_data, (void)bytes, (void)length;
    return 1;
}

static int32_t no_change(void *user_data, uint64_t seq, const char *json, size_t length)
{
    (void)user_data, (void)seq, (void)json, (void)length;
    return 0;
}

static void versions_agree(void)
{
    CHECK(convofold_abi_version() == CONVOFOLD_ABI_VERSION);
    CHECK(strchr(convofold_version(), '.') != NULL);
}

static void null_is_refused(void)
{
    convofold_db db = open_db("null");
    char *json;
    EXPECT(INVALID, convofold_open(NULL, NULL, &db));
    EXPECT(INVALID, convofold_open(in_folder("never"), NULL, NULL));
    CHECK(access(in_folder("never"), F_OK) != 0);
    EXPECT(INVALID, convofold_ingest(db, NULL, 1, NULL, NULL, NULL));
    OK(convofold_ingest(db, NULL, 0, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_replay(db, NULL, 1, NULL, NULL));
    const char *none[] = {NULL};
    EXPECT(INVALID, convofold_replay(db, none, 1, NULL, NULL));
    OK(convofold_replay(db, NULL, 0, NULL, NULL));
    EXPECT(INVALID, convofold_state_json(db, "c", NULL));
    EXPECT(INVALID, convofold_state_json(db, NULL, &json));
    CHECK(json == NULL);
    EXPECT(INVALID, convofold_history_json(db, NULL, &json));
    EXPECT(INVALID, convofold_arrivals_json(db, NULL, &json));
    EXPECT(INVALID, convofold_query_page(db, NULL, NULL));
    EXPECT(INVALID, convofold_query_json(db, NULL, NULL));
    EXPECT(INVALID, convofold_page_close(NULL));
    EXPECT(INVALID, convofold_agents_json(db, NULL));
    EXPECT(INVALID, convofold_totals_json(db, NULL));
    EXPECT(INVALID, convofold_recovery_json(db, NULL));
    EXPECT(INVALID, convofold_get_stats(db, NULL));
    EXPECT(INVALID, convofold_get_counters(db, NULL));
    EXPECT(INVALID, convofold_state_hash(db, NULL));
    EXPECT(INVALID, convofold_export(db, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_export_events(db, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_export_file(db, NULL, NULL));
    EXPECT(INVALID, convofold_export_events_file(db, NULL, NULL));
    EXPECT(INVALID, convofold_bookmark(db, NULL, &json, NULL));
    EXPECT(INVALID, convofold_bookmark(db, "b", NULL, NULL));
    EXPECT(INVALID, convofold_feed_open(db, 0, NULL));
    EXPECT(INVALID, convofold_subscribe(db, 0, no_change, NULL, NULL, NULL));
    convofold_subscription subscription;
    EXPECT(INVALID, convofold_subscribe(db, 0, NULL, NULL, NULL, &subscription));
    EXPECT(INVALID, convofold_backup(db, NULL, NULL, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_restore(NULL, 0, in_folder("never"), NULL, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_restore(NULL, 1, in_folder("never"), NULL, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_repair(NULL, in_folder("never"), NULL, NULL, NULL));
    OK(convofold_checkpoint(db, NULL));
    OK(convofold_verify(db, NULL, NULL, NULL, NULL));
    OK(convofold_audit(db, 0, 0, NULL, NULL));
    OK(convofold_string_free(NULL));
    OK(convofold_close(db));
}

static void numbers_that_are_none_are_refused(void)
{
    convofold_db db = open_db("numbers");
    convofold_ingest_options ingest = {.size = sizeof ingest, .format = 77};
    EXPECT(INVALID, convofold_ingest(db, "", 0, &ingest, NULL, NULL));
    ingest = (convofold_ingest_options){.size = sizeof ingest, .flags = CONVOFOLD_FLAG_SUSPECT};
    EXPECT(INVALID, convofold_ingest(db, "", 0, &ingest, NULL, NULL));
    EXPECT(INVALID, convofold_ingest(db, "x", SIZE_MAX, NULL, NULL, NULL));
    const char *file = "x";
    EXPECT(INVALID, convofold_replay(db, &file, SIZE_MAX / 4, NULL, NULL));
    convofold_query query = {.size = sizeof query, .sort = 4};
    char *json;
    EXPECT(INVALID, convofold_query_json(db, &query, &json));
    query = (convofold_query){.size = sizeof query, .status = 4};
    EXPECT(INVALID, convofold_query_json(db, &query, &json));
    query = (convofold_query){.size = sizeof query, .by = 3};
    EXPECT(INVALID, convofold_query_json(db, &query, &json));
    query = (convofold_query){.size = sizeof query, .flags = CONVOFOLD_FLAG_UNASSIGNED, .agent = "Ida"};
    EXPECT(INVALID, convofold_query_json(db, &query, &json));
    query = (convofold_query){.size = 0};
    EXPECT(INVALID, convofold_query_json(db, &query, &json));
    query = (convofold_query){.size = SIZE_MAX};
    EXPECT(INVALID, convofold_query_json(db, &query, &json));
    /* A later version of the struct: accepted while its new field is 0, refused otherwise. */
    struct {
        convofold_query known;
        uint64_t later;
    } later = {.known = {.size = sizeof later}};
    OK(convofold_query_json(db, &later.known, &json));
    OK(convofold_string_free(json));
    later.later = 1;
    EXPECT(INVALID, convofold_query_json(db, &later.known, &json));
    struct {
        convofold_stats known;
        uint64_t later;
    } stats = {.known = {.size = sizeof stats}, .later = 1};
    OK(convofold_get_stats(db, &stats.known));
    CHECK(stats.later == 0 && stats.known.size == sizeof stats);
    EXPECT(INVALID, convofold_trim(db, INT64_MIN, NULL));
    convofold_options options = {.size = sizeof options, .flags = 1u << 31};
    EXPECT(INVALID, convofold_open(in_folder("never"), &options, &db));
    OK(convofold_close(db));
}

static void bad_utf8_is_refused(void)
{
    convofold_db db = open_db("utf8");
    char *json;
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_state_json(db, BAD_UTF8, &json));
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_bookmark(db, BAD_UTF8, &json, NULL));
    convofold_query query = {.size = sizeof query, .agent = BAD_UTF8};
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_query_json(db, &query, &json));
    query = (convofold_query){.size = sizeof query, .cursor = {.data = BAD_UTF8, .length = 2}};
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_query_json(db, &query, &json));
    query.cursor = (convofold_text){.data = "no cursor", .length = 9};
    EXPECT(CONVOFOLD_ERROR_BAD_CURSOR, convofold_query_json(db, &query, &json));
    convofold_ingest_options options = {.size = sizeof options, .bookmark_name = BAD_UTF8};
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_ingest(db, "", 0, &options, NULL, NULL));
    /* Invalid UTF-8 in the input is a rejection and not an error. */
    convofold_ingested ingested = {.size = sizeof ingested};
    OK(convofold_ingest(db, BAD_UTF8, 2, NULL, &ingested, &json));
    CHECK(ingested.rejected == 1 && strstr(json, "\"reason\":\"not UTF-8\"") != NULL);
    CHECK(strstr(json, "\"raw_base64\":") != NULL);
    OK(convofold_string_free(json));
    OK(convofold_close(db));
}

static void what_is_closed_stays_closed(void)
{
    convofold_db db = open_db("closed");
    ingest_messages(db, 0, 3);
    convofold_page page, copy;
    OK(convofold_query_page(db, NULL, &page));
    convofold_feed feed;
    OK(convofold_feed_open(db, 0, &feed));
    convofold_subscription subscription;
    OK(convofold_subscribe(db, 0, no_change, NULL, NULL, &subscription));
    char *json;
    OK(convofold_agents_json(db, &json));
    OK(convofold_string_free(json));
    EXPECT(INVALID, convofold_string_free(json));
    char own[] = "not the library's";
    EXPECT(INVALID, convofold_string_free(own));

    OK(convofold_close(db));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_close(db));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_sync(db));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_ingest(db, "", 0, NULL, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_query_page(db, NULL, &copy));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_export(db, no_bytes, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_feed_next(feed, UINT64_MAX, &json));

    /* A page outlives its database. */
    CHECK(page.count == 3 && strcmp(page.rows[0].agent_name.data, "Ida") == 0);
    copy = page;
    OK(convofold_page_close(&page));
    CHECK(page.rows == NULL && page.count == 0);
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_page_close(&page));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_page_close(&copy));
    OK(convofold_feed_close(feed));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_feed_close(feed));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_feed_next(feed, 0, &json));
    OK(convofold_unsubscribe(subscription));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_unsubscribe(subscription));
}

static void a_made_up_handle_is_none(void)
{
    convofold_db db = open_db("handles");
    convofold_feed feed;
    OK(convofold_feed_open(db, 0, &feed));
    const convofold_db none = {0}, made_up = {UINT64_MAX}, of_a_feed = {feed.id};
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_sync(none));
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_close(made_up));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_close(of_a_feed));
    char *json;
    OK(convofold_feed_next(feed, 0, &json));
    CHECK(json == NULL);
    OK(convofold_close(db));
    OK(convofold_feed_close(feed));
}

static void databases_are_told_from_what_is_none(void)
{
    convofold_options options = {.size = sizeof options, .flags = CONVOFOLD_FLAG_MUST_EXIST};
    convofold_db db = {0}, again = {0};
    EXPECT(CONVOFOLD_ERROR_NOT_FOUND, convofold_open(in_folder("never"), &options, &db));
    EXPECT(CONVOFOLD_ERROR_EXISTS, convofold_open(folder, NULL, &db));
    CHECK(db.id == 0);
    db = open_db("once");
    EXPECT(CONVOFOLD_ERROR_ALREADY_OPEN, convofold_open(in_folder("once"), NULL, &again));
    const char *missing[] = {in_folder("missing.ndjson")};
    EXPECT(CONVOFOLD_ERROR_NOT_FOUND, convofold_replay(db, missing, 1, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_NOT_FOUND, convofold_export_file(db, in_folder("no/such/folder"), NULL));
    char value[5000] = {0};
    convofold_ingest_options ingest = {
        .size = sizeof ingest, .bookmark_name = "b", .bookmark_value = value, .bookmark_length = sizeof value};
    EXPECT(CONVOFOLD_ERROR_TOO_LARGE, convofold_ingest(db, "", 0, &ingest, NULL, NULL));
    OK(convofold_close(db));
}

static void readers_share_a_database_and_write_nothing(void)
{
    convofold_options options = {.size = sizeof options, .flags = CONVOFOLD_FLAG_READ_ONLY};
    convofold_db db = {0}, one = {0}, two = {0};
    EXPECT(CONVOFOLD_ERROR_NOT_FOUND, convofold_open(in_folder("unread"), &options, &one));
    db = open_db("read");
    EXPECT(CONVOFOLD_ERROR_ALREADY_OPEN, convofold_open(in_folder("read"), &options, &one));
    OK(convofold_close(db));
    OK(convofold_open(in_folder("read"), &options, &one));
    OK(convofold_open(in_folder("read"), &options, &two));
    EXPECT(CONVOFOLD_ERROR_ALREADY_OPEN, convofold_open(in_folder("read"), NULL, &db));
    char line[256];
    int length = message(line, sizeof line, "c", 1);
    EXPECT(CONVOFOLD_ERROR_READ_ONLY, convofold_ingest(one, line, (size_t)length, NULL, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_READ_ONLY, convofold_sync(one));
    OK(convofold_close(one));
    OK(convofold_close(two));
}

/* Ingests and queries until another thread closes the database. */
static void *use(void *argument)
{
    convofold_db db = *(convofold_db *)argument;
    for (int i = 0;; i++) {
        char line[256], *json = NULL;
        int length = message(line, sizeof line, "shared", i);
        convofold_ingest_options options = {.size = sizeof options, .flags = CONVOFOLD_FLAG_BUFFERED};
        convofold_error error = convofold_ingest(db, line, (size_t)length, &options, NULL, NULL);
        if (error == CONVOFOLD_ERROR_NONE)
            error = convofold_state_json(db, "shared", &json);
        CHECK((error == CONVOFOLD_ERROR_NONE) == (json != NULL));
        OK(convofold_string_free(json));
        if (error == CONVOFOLD_ERROR_CLOSED)
            return NULL;
        CHECK(error == CONVOFOLD_ERROR_NONE);
    }
}

static void *close_it(void *argument)
{
    static char won;
    return convofold_close(*(convofold_db *)argument) == CONVOFOLD_ERROR_NONE ? &won : NULL;
}

static void closing_under_the_hands_of_others_is_safe(void)
{
    convofold_db db = open_db("threads");
    pthread_t users[4], closers[3];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&users[i], NULL, use, &db) == 0);
    convofold_stats stats = {.size = sizeof stats};
    do {
        OK(convofold_get_stats(db, &stats));
    } while (stats.last_seq < 20);
    int won = 0;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&closers[i], NULL, close_it, &db) == 0);
    for (int i = 0; i < 3; i++) {
        void *did;
        CHECK(pthread_join(closers[i], &did) == 0);
        won += did != NULL;
    }
    CHECK(won == 1);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(users[i], NULL) == 0);
    convofold_db again = open_db("threads");
    OK(convofold_get_stats(again, &stats));
    CHECK(stats.conversations == 1);
    OK(convofold_close(again));
}

static void *has_no_error(void *argument)
{
    CHECK(convofold_last_error() == CONVOFOLD_ERROR_NONE && convofold_last_error_message()[0] == '\0');
    return argument;
}

static void errors_belong_to_their_thread(void)
{
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_sync((convofold_db){0}));
    pthread_t other;
    CHECK(pthread_create(&other, NULL, has_no_error, NULL) == 0 && pthread_join(other, NULL) == 0);
    CHECK(convofold_last_error() == CONVOFOLD_ERROR_BAD_HANDLE);
}

int main(void)
{
    make_folder();
    versions_agree();
    null_is_refused();
    numbers_that_are_none_are_refused();
    bad_utf8_is_refused();
    what_is_closed_stays_closed();
    a_made_up_handle_is_none();
    databases_are_told_from_what_is_none();
    readers_share_a_database_and_write_nothing();
    closing_under_the_hands_of_others_is_safe();
    errors_belong_to_their_thread();
    return 0;
}
