/* Suspects, what differs between two databases or two moments, and numbers by time and group. */
#include "check.h"

#define INVALID CONVOFOLD_ERROR_INVALID_ARGUMENT

static convofold_db open_db(const char *name)
{
    convofold_db db;
    OK(convofold_open(in_folder(name), NULL, &db));
    return db;
}

static convofold_view view_of(convofold_db db, uint64_t known_at_seq)
{
    convofold_view view;
    convofold_moment moment = {.size = sizeof moment, .known_at_seq = known_at_seq};
    OK(convofold_view_open(db, &moment, &view));
    return view;
}

static void ingest_text(convofold_db db, const char *text)
{
    char *rejections = NULL;
    OK(convofold_ingest(db, text, strlen(text), NULL, NULL, &rejections));
    CHECK(rejections == NULL);
}

/* A file of tests/samples, relative to the folder in which check.sh runs. The caller frees it. */
static char *sample(const char *name)
{
    char path[128];
    size_t length;
    snprintf(path, sizeof path, "tests/samples/%s", name);
    char *text = read_file(path, &length);
    CHECK(text != NULL);
    return text;
}

static void ingest_sample(convofold_db db, const char *name)
{
    char *text = sample(name);
    ingest_text(db, text);
    free(text);
}

#define DESK "{\"convofold\":1,\"source\":\"desk\",\"conversation\":\"c\","

static void lost_messages_are_reported(void)
{
    convofold_db db = open_db("suspects");
    SAYS("{\"conversations\":0,\"events\":0,\"zone\":\"UTC\",\"kinds\":[],", convofold_suspects_json(db, NULL, &json));
    /* One message is known, and the source states three. */
    ingest_text(db, DESK "\"kind\":\"open\",\"unread\":0,\"occurred\":\"2023-11-14T22:13:20Z\"}\n" DESK
                         "\"kind\":\"message\",\"direction\":\"in\",\"occurred\":\"2023-11-14T22:13:21Z\"}\n");
    ingest_text(db, DESK "\"kind\":\"update\",\"unread\":3,\"occurred\":\"2023-11-14T23:14:20Z\"}\n");
    SAYS("{\"conversations\":1,\"events\":1,", convofold_suspects_json(db, NULL, &json));
    SAYS("\"kinds\":[{\"kind\":\"unread\",\"source\":\"desk\",\"conversations\":1,\"events\":1,\"missing\":2,"
         "\"first_at\":1700003660000,\"last_at\":1700003660000}]",
         convofold_suspects_json(db, NULL, &json));
    SAYS("\"gaps\":1,\"missing\":2}]}", convofold_suspects_json(db, NULL, &json));
    convofold_suspects_query query = {.size = sizeof query, .zone = "Europe/Berlin"};
    SAYS("\"days\":[{\"day\":\"2023-11-15\",\"kind\":\"unread\"", convofold_suspects_json(db, &query, &json));
    query = (convofold_suspects_query){.size = sizeof query, .since_ms = 1700003660000, .source = "desk"};
    SAYS("\"events\":1,", convofold_suspects_json(db, &query, &json));
    query.until_ms = query.since_ms;
    SAYS("\"events\":0,", convofold_suspects_json(db, &query, &json));
    query = (convofold_suspects_query){.size = sizeof query, .tenant = "acme"};
    SAYS("\"events\":0,", convofold_suspects_json(db, &query, &json));
    convofold_view before = view_of(db, 2), now = view_of(db, 3);
    SAYS("\"events\":0,", convofold_view_suspects_json(before, NULL, &json));
    SAYS("\"events\":1,", convofold_view_suspects_json(now, NULL, &json));
    char *json;
    query = (convofold_suspects_query){.size = sizeof query, .zone = "Europe/Atlantis"};
    EXPECT(INVALID, convofold_suspects_json(db, &query, &json));
    query = (convofold_suspects_query){.size = sizeof query, .tenant = "\xff"};
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_view_suspects_json(now, &query, &json));
    EXPECT(INVALID, convofold_suspects_json(db, &(convofold_suspects_query){0}, &json));
    EXPECT(INVALID, convofold_suspects_json(db, NULL, NULL));
    CHECK(json == NULL);
    OK(convofold_view_close(before));
    OK(convofold_view_close(now));
    OK(convofold_close(db));
}

/* Receives the conversations that differ, each on a line of its own. */
static int32_t append_line(void *user_data, const char *json, size_t length)
{
    CHECK(json[length] == '\0' && strlen(json) == length);
    return append(user_data, json, length) + append(user_data, "\n", 1);
}

static int32_t stop_after_one(void *user_data, const char *json, size_t length)
{
    (void)json, (void)length;
    return ++*(int *)user_data;
}

static void expect_difference(convofold_view from, convofold_view to, const char *expected)
{
    buffer found = {0};
    SAYS("{\"added\":1,\"removed\":0,\"changed\":1,\"fields\":{\"agent\":1,",
         convofold_view_diff(from, to, NULL, append_line, &found, &json));
    if (strcmp(found.bytes, expected) != 0)
        fprintf(stderr, "expected %s found %s", expected, found.bytes);
    CHECK(strcmp(found.bytes, expected) == 0);
    free(found.bytes);
}

static void misuse_of_a_comparison_is_refused(convofold_view from, convofold_view to)
{
    char *json;
    int calls = 0;
    EXPECT(CONVOFOLD_ERROR_STOPPED, convofold_view_diff(from, to, NULL, stop_after_one, &calls, &json));
    CHECK(calls == 1 && json == NULL);
    EXPECT(CONVOFOLD_ERROR_NOT_FOUND, convofold_view_diff(from, to, "case-9", NULL, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_view_diff(from, to, "\xff", NULL, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_BAD_HANDLE, convofold_view_diff(from, (convofold_view){0}, NULL, NULL, NULL, &json));
    OK(convofold_view_close(to));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_diff(from, to, NULL, NULL, NULL, &json));
}

static void differences_are_those_of_the_command(void)
{
    convofold_db first = open_db("first"), corrected = open_db("corrected");
    ingest_sample(first, "diff-first.ndjson");
    ingest_sample(corrected, "diff-first.ndjson");
    ingest_sample(corrected, "diff-correction.ndjson");
    char *expected = sample("diff.jsonl");
    convofold_view from = view_of(first, 0), to = view_of(corrected, 0), before = view_of(corrected, 4);
    expect_difference(from, to, expected);
    expect_difference(before, to, expected);
    SAYS("{\"added\":0,\"removed\":0,\"changed\":0,\"fields\":{}}",
         convofold_view_diff(from, before, NULL, NULL, NULL, &json));
    SAYS("{\"added\":0,\"removed\":1,\"changed\":1,", convofold_view_diff(to, from, NULL, NULL, NULL, &json));
    buffer one = {0};
    OK(convofold_view_diff(from, to, "case-8", append_line, &one, NULL));
    CHECK(strncmp(one.bytes, "{\"change\":\"added\",\"id\":\"case-8\",", 32) == 0);
    CHECK(strchr(one.bytes, '\n') == one.bytes + one.length - 1);
    free(one.bytes);
    free(expected);
    misuse_of_a_comparison_is_refused(from, to);
    OK(convofold_close(first));
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_view_diff(from, before, NULL, NULL, NULL, NULL));
    OK(convofold_view_close(from));
    OK(convofold_view_close(before));
    OK(convofold_close(corrected));
}

#define TURN "{\"convofold\":1,\"source\":\"desk\",\"tenant\":\"north\",\"kind\":\"message\",\"conversation\":"

static void numbers_by_time_are_those_of_the_command(void)
{
    convofold_db db = open_db("numbers");
    /* `a` is answered after five minutes by an agent with a comma in the name, and closed after ten; `b` waits. */
    ingest_text(db, TURN "\"a\",\"direction\":\"in\",\"occurred\":\"2026-03-02T09:00:00Z\"}\n" TURN
                         "\"a\",\"direction\":\"out\",\"occurred\":\"2026-03-02T09:05:00Z\",\"agent\":{\"name\":\"Ann, of "
                         "us\"}}\n");
    ingest_text(db, "{\"convofold\":1,\"source\":\"desk\",\"conversation\":\"a\",\"kind\":\"close\",\"occurred\":"
                    "\"2026-03-02T09:10:00Z\"}\n" TURN
                    "\"b\",\"direction\":\"in\",\"occurred\":\"2026-03-02T10:30:00Z\"}\n");
    convofold_report_query query = {.size = sizeof query, .from = "2026-03-02T09:00:00Z", .to = "2026-03-02T11:00:00Z"};
    query.every = "1h";
    query.by = "agent, tenant";
    query.measures = "messages_in,response";
    SAYS("{\"from\":1772442000000,\"to\":1772449200000,\"every\":\"1h\",\"zone\":\"UTC\",\"tzdb\":\"",
         convofold_report_json(db, &query, &json));
    SAYS("\"rows\":[{\"from\":1772442000000,\"to\":1772445600000,\"by\":{\"agent\":{\"tenant\":\"north\",\"id\":null,"
         "\"name\":null},\"tenant\":\"north\"},\"messages_in\":1,\"response\":{\"n\":0,",
         convofold_report_json(db, &query, &json));
    SAYS("\"name\":\"Ann, of us\"},\"tenant\":\"north\"},\"messages_in\":0,\"response\":{\"n\":1,\"pending\":0,\"unknown\":0,"
         "\"mean\":300000,",
         convofold_report_json(db, &query, &json));
    const char *bots[] = {"nobody", "Ann, of us"};
    convofold_report_query whole = {.size = sizeof whole, .from_ms = 1772442000000, .to_ms = 1772449200000};
    whole.measures = "response,closings";
    whole.excluded_agents = bots;
    whole.excluded_agent_count = 2;
    SAYS("\"by\":{},\"response\":{\"n\":0,\"pending\":1,", convofold_report_json(db, &whole, &json));
    whole.excluded_agent_count = 1;
    whole.calendar = "{\"zone\":\"UTC\",\"week\":{\"mon\":[[\"09:02\",\"24:00\"]]}}";
    whole.attribute = "end";
    SAYS("\"mean\":180000,", convofold_report_json(db, &whole, &json));
    whole.tenant = "south";
    SAYS("\"response\":{\"n\":0,\"pending\":0,", convofold_report_json(db, &whole, &json));
    SAYS("{\"measure\":\"response\",\"rows\":[{\"from\":1772442000000,\"to\":1772445600000,\"by\":",
         convofold_report_rows_json(db, &query, "response", &json));
    SAYS("\"conversation\":\"b\",\"since\":1772447400000,\"at\":null,\"value\":null,\"outcome\":\"pending\"}]}",
         convofold_report_rows_json(db, &query, "response", &json));
    /* Before it was known that `a` was closed, and `b` waited. */
    convofold_view before = view_of(db, 2);
    query.by = query.every = NULL;
    query.measures = "closings,open";
    SAYS("\"by\":{},\"closings\":0,\"open\":{\"end\":1,\"max\":1,", convofold_view_report_json(before, &query, &json));
    SAYS("\"by\":{},\"closings\":1,\"open\":{\"end\":1,\"max\":1,", convofold_report_json(db, &query, &json));
    SAYS("{\"measure\":\"open\",\"rows\":[{\"from\":1772442000000,\"to\":1772449200000,\"by\":{},\"conversation\":\"a\",",
         convofold_view_report_rows_json(before, &query, "open", &json));

    char *json;
    const convofold_report_query wrong[] = {
        {0},
        {.size = sizeof query},
        {.size = sizeof query, .from = "soon"},
        {.size = sizeof query, .from = "-1d", .from_ms = 1772442000000},
        {.size = sizeof query, .from_ms = -5},
        {.size = sizeof query, .from_ms = 1772442000000, .to_ms = 1772442000000},
        {.size = sizeof query, .from = "1970-01-02", .every = "1h"},
        {.size = sizeof query, .from = "-1d", .every = "5m"},
        {.size = sizeof query, .from = "-1d", .by = "mood"},
        {.size = sizeof query, .from = "-1d", .measures = "average"},
        {.size = sizeof query, .from = "-1d", .zone = "Europe/Atlantis"},
        {.size = sizeof query, .from = "-1d", .attribute = "middle"},
        {.size = sizeof query, .from = "-1d", .calendar = "{}"},
        {.size = sizeof query, .from = "-1d", .excluded_agent_count = 1},
    };
    for (size_t number = 0; number < sizeof wrong / sizeof *wrong; number++) {
        EXPECT(INVALID, convofold_report_json(db, &wrong[number], &json));
        EXPECT(INVALID, convofold_view_report_rows_json(before, &wrong[number], "open", &json));
        CHECK(json == NULL);
    }
    EXPECT(INVALID, convofold_report_json(db, &wrong[8], &json));
    CHECK(strstr(convofold_last_error_message(), "by: ") != NULL);
    EXPECT(INVALID, convofold_report_json(db, NULL, &json));
    EXPECT(INVALID, convofold_report_rows_json(db, &query, "average", &json));
    EXPECT(INVALID, convofold_report_rows_json(db, &query, NULL, &json));
    EXPECT(INVALID, convofold_report_json(db, &query, NULL));
    query.tenant = "\xff";
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_report_json(db, &query, &json));
    OK(convofold_view_close(before));
    OK(convofold_close(db));
}

int main(void)
{
    make_folder();
    lost_messages_are_reported();
    numbers_by_time_are_those_of_the_command();
    differences_are_those_of_the_command();
    return 0;
}
