/* past FOLDER WHEN: lists the conversations that were waiting at a moment, such as "-2h" or "2026-03-02T09:40:00Z". */
#include <convofold.h>
#include <inttypes.h>
#include <stdio.h>

static int failed(const char *what)
{
    fprintf(stderr, "cannot %s: %s\n", what, convofold_last_error_message());
    return 1;
}

static int list(convofold_view view)
{
    convofold_query query = {.size = sizeof query, .sort = CONVOFOLD_SORT_WAITING};
    convofold_page page;
    if (convofold_view_query_page(view, &query, &page) != CONVOFOLD_OK)
        return failed("query");
    for (size_t i = 0; i < page.count && page.rows[i].waiting_since != CONVOFOLD_NO_TIME; i++)
        printf("%s: %" PRIu64 " unread, waiting since %" PRId64 "\n", page.rows[i].id.data, page.rows[i].unread,
               page.rows[i].waiting_since);
    convofold_page_close(&page);
    return 0;
}

int main(int argc, char **argv)
{
    convofold_options options = {.size = sizeof options, .flags = CONVOFOLD_FLAG_READ_ONLY};
    convofold_db db;
    if (convofold_open(argc > 1 ? argv[1] : "demo.db", &options, &db) != CONVOFOLD_OK)
        return failed("open the database");
    /* As it was then, with everything learned since. With `known_at`, as it was known then. */
    convofold_moment moment = {.size = sizeof moment, .as_of = argc > 2 ? argv[2] : "latest"};
    convofold_view view;
    int status = 1;
    if (convofold_view_open(db, &moment, &view) == CONVOFOLD_OK) {
        status = list(view);
        convofold_view_close(view);
    } else {
        failed("answer for this moment");
    }
    convofold_close(db);
    return status;
}
