/* Views: the database at a moment. */
#include "check.h"
#include <inttypes.h>
#include <pthread.h>

#define INVALID CONVOFOLD_ERROR_INVALID_ARGUMENT
#define BAD CONVOFOLD_ERROR_BAD_MOMENT

/* The time of message `number`. */
#define AT_MS(number) ((1700000000 + (int64_t)(number)) * 1000)

static convofold_db open_db(const char *name)
{
    convofold_db db;
    OK(convofold_open(in_folder(name), NULL, &db));
    return db;
}

static convofold_view view_at(convofold_db db, convofold_moment moment)
{
    convofold_view view;
    moment.size = sizeof moment;
    OK(convofold_view_open(db, &moment, &view));
    return view;
}

/* Both calls set `json` to the same text. */
#define EXPECT_SAME(left, right)                                                                                       \
    do {                                                                                                               \
        char *json, *left_, *right_;                                                                                   \
        OK(left);                                                                                                      \
        left_ = json;                                                                                                  \
        OK(right);                                                                                                     \
        right_ = json;                                                                                                 \
        CHECK(left_ != NULL && right_ != NULL && strcmp(left_, right_) == 0);                                          \
        OK(convofold_string_free(left_));                                                                              \
        OK(convofold_string_free(right_));                                                                             \
    } while (0)

static void expect_equal_exports(convofold_view view, convofold_db given)
{
    buffer found = {0}, expected = {0};
    EXPECT_SAME(convofold_view_export(view, append, &found, &json), convofold_export(given, append, &expected, &json));
    CHECK(found.length == expected.length && memcmp(found.bytes, expected.bytes, found.length) == 0);
    OK(convofold_view_export_file(view, in_folder("states"), NULL));
    size_t length;
    char *file = read_file(in_folder("states"), &length);
    CHECK(length == found.length && memcmp(file, found.bytes, length) == 0);
    free(file);
    free(found.bytes);
    free(expected.bytes);
}

/* The events of the view make a database with its states. */
static void expect_the_way_back(convofold_view view)
{
    buffer events = {0};
    OK(convofold_view_export_events(view, append, &events, NULL));
    OK(convofold_view_export_events_file(view, in_folder("events"), NULL));
    size_t length;
    char *file = read_file(in_folder("events"), &length);
    CHECK(length == events.length && memcmp(file, events.bytes, length) == 0);
    free(file);
    convofold_db copy = open_db("copy");
    OK(convofold_ingest(copy, events.bytes, events.length, NULL, NULL, NULL));
    free(events.bytes);
    convofold_hash found, expected;
    OK(convofold_view_state_hash(view, &found));
    OK(convofold_state_hash(copy, &expected));
    CHECK(strcmp(found.hex, expected.hex) == 0);
    OK(convofold_close(copy));
}

/* The view answers as a database that was given only the events within its bounds. */
static void expect_equal(convofold_view view, convofold_db given)
{
    expect_equal_exports(view, given);
    convofold_hash found, expected;
    OK(convofold_view_state_hash(view, &found));
    OK(convofold_state_hash(given, &expected));
    CHECK(strcmp(found.hex, expected.hex) == 0 && memcmp(found.bytes, expected.bytes, 32) == 0);
    EXPECT_SAME(convofold_view_agents_json(view, &json), convofold_agents_json(given, &json));
    EXPECT_SAME(convofold_view_totals_json(view, &json), convofold_totals_json(given, &json));
    EXPECT_SAME(convofold_view_state_json(view, "c-1", &json), convofold_state_json(given, "c-1", &json));
    EXPECT_SAME(convofold_view_conflicts_json(view, "c-1", &json), convofold_conflicts_json(given, "c-1", &json));
    convofold_query query = {.size = sizeof query,
                             .status = CONVOFOLD_STATUS_ANY,
                             .sort = CONVOFOLD_SORT_WAITING,
                             .agent = "IDA",
                             .flags = CONVOFOLD_FLAG_LAST_MESSAGE,
                             .limit = 4};
    EXPECT_SAME(convofold_view_query_json(view, &query, &json), convofold_query_json(given, &query, &json));
    convofold_page page, expected_page;
    OK(convofold_view_query_page(view, &query, &page));
    OK(convofold_query_page(given, &query, &expected_page));
    CHECK(page.count == expected_page.count && page.next.length == expected_page.next.length);
    for (size_t i = 0; i < page.count; i++) {
        CHECK(strcmp(page.rows[i].id.data, expected_page.rows[i].id.data) == 0);
        CHECK(strcmp(page.rows[i].last_message.data, expected_page.rows[i].last_message.data) == 0);
        CHECK(page.rows[i].unread == expected_page.rows[i].unread);
        CHECK(page.rows[i].waiting_since == expected_page.rows[i].waiting_since);
    }
    OK(convofold_page_close(&page));
    OK(convofold_page_close(&expected_page));
}

/* Messages 100 to 129 arrive first, messages 0 to 69 later. */
static convofold_db lived_in(void)
{
    convofold_db db = open_db("db");
    ingest_messages(db, 100, 30);
    ingest_messages(db, 0, 70);
    return db;
}

static void views_are_databases_with_the_events_within_their_bounds(convofold_db db)
{
    const struct {
        convofold_moment moment;
        int first, count;
    } cases[] = {
        {{.known_at_seq = 30}, 100, 30},
        {{.known_at = "seq:30"}, 100, 30},
        {{.as_of_ms = AT_MS(35)}, 0, 36},
        {{.as_of = "2023-11-14T23:13:55+01:00"}, 0, 36},
        {{.as_of_ms = AT_MS(10), .known_at_seq = 60}, 0, 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "given-%zu", i);
        convofold_db given = open_db(name);
        ingest_messages(given, cases[i].first, cases[i].count);
        convofold_view view = view_at(db, cases[i].moment);
        expect_equal(view, given);
        OK(convofold_view_close(view));
        OK(convofold_close(given));
    }
    convofold_view view = view_at(db, (convofold_moment){.known_at = "latest"});
    expect_equal(view, db);
    EXPECT_SAME(convofold_view_history_json(view, "c-1", &json), convofold_history_json(db, "c-1", &json));
    OK(convofold_view_close(view));
}

static void exported_events_are_the_way_back(convofold_db db)
{
    convofold_view view = view_at(db, (convofold_moment){.as_of_ms = AT_MS(110), .known_at_seq = 50});
    expect_the_way_back(view);
    OK(convofold_view_close(view));
}

static void expect_report(convofold_view view, const char *id, const char *expected)
{
    char *json;
    OK(convofold_view_moment_json(view, id, &json));
    if (strstr(json, expected) == NULL)
        fprintf(stderr, "expected %s in %s\n", expected, json);
    CHECK(strstr(json, expected) != NULL);
    OK(convofold_string_free(json));
}

static void views_say_what_they_are_about(convofold_db db)
{
    convofold_view view = view_at(db, (convofold_moment){.known_at_seq = 30});
    expect_report(view, NULL, "\"known_at\":30,");
    expect_report(view, NULL, "\"late_events\":null");
    expect_report(view, "c-1", "\"late_events\":10");
    expect_report(view, NULL, "\"replayed\":true,\"words\":\"as it was known after event 30, committed at ");
    expect_report(view, "c-9", "\"late_events\":0");
    OK(convofold_view_close(view));
    view = view_at(db, (convofold_moment){.as_of_ms = AT_MS(35)});
    char expected[64];
    snprintf(expected, sizeof expected, "\"as_of\":%" PRId64 ",\"known_at\":null", AT_MS(35));
    expect_report(view, NULL, expected);
    snprintf(expected, sizeof expected, "\"time\":%" PRId64, AT_MS(35));
    expect_report(view, NULL, expected);
    OK(convofold_view_close(view));
}

static void what_arrives_later_is_in_no_answer(convofold_db db)
{
    convofold_view view, later;
    convofold_hash before, after;
    OK(convofold_view_open(db, NULL, &view));
    OK(convofold_state_hash(db, &before));
    ingest_messages(db, 200, 7);
    OK(convofold_view_state_hash(view, &after));
    CHECK(strcmp(before.hex, after.hex) == 0);
    OK(convofold_view_open(db, NULL, &later));
    OK(convofold_view_state_hash(later, &after));
    CHECK(strcmp(before.hex, after.hex) != 0);
    OK(convofold_view_close(later));
    char *json;
    OK(convofold_view_state_json(view, "c-7", &json));
    CHECK(json == NULL);
    OK(convofold_view_close(view));
}

static void moments_without_an_answer_say_what_to_do(convofold_db db)
{
    const struct {
        convofold_error error;
        convofold_moment moment;
        const char *words;
    } cases[] = {
        {BAD, {.as_of = "2023-11-14T23:13:55"}, "append Z for UTC"},
        {BAD, {.as_of = "yesterday"}, "expected a time with a zone"},
        {BAD, {.as_of = "seq:3"}, "give a time to as_of"},
        {BAD, {.as_of_ms = AT_MS(0) * 100}, "after now"},
        {BAD, {.known_at_ms = AT_MS(0) * 100}, "after now"},
        {BAD, {.known_at_ms = 1}, "seq:1 is what was known after its first event"},
        {BAD, {.known_at_seq = 1000000}, "the first one is seq:1"},
        {INVALID, {.known_at = "latest", .known_at_seq = 3}, "two fields"},
        {INVALID, {.as_of = "latest", .as_of_ms = 3}, "two fields"},
        {INVALID, {.as_of_ms = -1}, "1970"},
        {CONVOFOLD_ERROR_NOT_UTF8, {.known_at = "\xff"}, "known_at"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        convofold_moment moment = cases[i].moment;
        moment.size = sizeof moment;
        convofold_view view = {0};
        EXPECT(cases[i].error, convofold_view_open(db, &moment, &view));
        if (strstr(convofold_last_error_message(), cases[i].words) == NULL)
            fprintf(stderr, "case %zu: expected %s\n", i, cases[i].words);
        CHECK(strstr(convofold_last_error_message(), cases[i].words) != NULL && view.id == 0);
    }
    convofold_db empty = open_db("empty");
    convofold_moment latest = {.size = sizeof latest, .known_at = "latest"};
    convofold_view view;
    EXPECT(BAD, convofold_view_open(empty, &latest, &view));
    OK(convofold_close(empty));
}

static int32_t stop_at_once(void *user_data, const void *bytes, size_t length)
{
    (void)user_data, (void)bytes, (void)length;
    return 1;
}

static void misuse_is_refused(convofold_db db)
{
    convofold_view view;
    convofold_moment moment = {0};
    char *json;
    convofold_page page;
    convofold_hash hash;
    EXPECT(INVALID, convofold_view_open(db, NULL, NULL));
    EXPECT(INVALID, convofold_view_open(db, &moment, &view));
    OK(convofold_view_open(db, NULL, &view));
    EXPECT(INVALID, convofold_view_state_json(view, NULL, &json));
    EXPECT(INVALID, convofold_view_state_json(view, "c-1", NULL));
    EXPECT(INVALID, convofold_view_history_json(view, NULL, &json));
    EXPECT(INVALID, convofold_view_conflicts_json(view, NULL, &json));
    EXPECT(INVALID, convofold_view_explain_json(view, NULL, NULL, 0, &json));
    EXPECT(INVALID, convofold_view_export_events(view, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_view_export_events_file(view, in_folder("db/inside"), NULL));
    EXPECT(INVALID, convofold_view_query_page(view, NULL, NULL));
    EXPECT(INVALID, convofold_view_query_json(view, NULL, NULL));
    EXPECT(INVALID, convofold_view_agents_json(view, NULL));
    EXPECT(INVALID, convofold_view_totals_json(view, NULL));
    EXPECT(INVALID, convofold_view_moment_json(view, NULL, NULL));
    EXPECT(INVALID, convofold_view_state_hash(view, NULL));
    EXPECT(INVALID, convofold_view_export(view, NULL, NULL, NULL));
    EXPECT(INVALID, convofold_view_export_file(view, NULL, NULL));
    EXPECT(INVALID, convofold_view_export_file(view, in_folder("db/inside"), NULL));
    EXPECT(CONVOFOLD_ERROR_STOPPED, convofold_view_export(view, stop_at_once, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_view_moment_json(view, "\xff", &json));
    convofold_query query = {.size = sizeof query, .cursor = {.data = "no cursor", .length = 9}};
    EXPECT(CONVOFOLD_ERROR_BAD_CURSOR, convofold_view_query_json(view, &query, &json));
    EXPECT(CONVOFOLD_ERROR_BAD_CURSOR, convofold_view_query_page(view, &query, &page));
    CHECK(page.id == 0 && page.rows == NULL);
    /* A handle of a database is not one of a view. */
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_state_hash((convofold_view){db.id}, &hash));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_sync((convofold_db){view.id}));
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_view_close((convofold_view){0}));
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_view_open((convofold_db){0}, NULL, &view));
    OK(convofold_view_close(view));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_close(view));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_state_hash(view, &hash));
}

/* Asks until another thread closes the view. */
static void *use(void *argument)
{
    const convofold_view view = *(const convofold_view *)argument;
    convofold_hash first, hash;
    convofold_error error = convofold_view_state_hash(view, &first);
    while (error == CONVOFOLD_ERROR_NONE) {
        error = convofold_view_state_hash(view, &hash);
        CHECK(error != CONVOFOLD_ERROR_NONE || strcmp(first.hex, hash.hex) == 0);
    }
    CHECK(error == CONVOFOLD_ERROR_CLOSED);
    return NULL;
}

static void threads_share_a_view_while_events_arrive(convofold_db db)
{
    convofold_view view;
    OK(convofold_view_open(db, NULL, &view));
    pthread_t users[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&users[i], NULL, use, &view) == 0);
    for (int i = 0; i < 20; i++)
        ingest_messages(db, 300 + i, 1);
    OK(convofold_view_close(view));
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(users[i], NULL) == 0);
}

static void views_end_with_their_database(convofold_db db)
{
    convofold_view view;
    OK(convofold_view_open(db, NULL, &view));
    convofold_page page;
    OK(convofold_view_query_page(view, NULL, &page));
    OK(convofold_close(db));
    char *json;
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_state_json(view, "c-1", &json));
    CHECK(json == NULL);
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_export_file(view, in_folder("never"), NULL));
    CHECK(access(in_folder("never"), F_OK) != 0);
    /* The folder is released, though the view is open. */
    db = open_db("db");
    OK(convofold_close(db));
    OK(convofold_view_close(view));
    CHECK(page.count == 7 && strcmp(page.rows[0].agent_name.data, "Ida") == 0);
    OK(convofold_page_close(&page));
}

int main(void)
{
    make_folder();
    convofold_db db = lived_in();
    views_are_databases_with_the_events_within_their_bounds(db);
    exported_events_are_the_way_back(db);
    views_say_what_they_are_about(db);
    what_arrives_later_is_in_no_answer(db);
    moments_without_an_answer_say_what_to_do(db);
    misuse_is_refused(db);
    threads_share_a_view_while_events_arrive(db);
    views_end_with_their_database(db);
    return 0;
}
