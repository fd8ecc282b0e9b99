# %% [markdown]
# # A supervisor's week
#
# How much came in, how fast it was answered and by whom, who waited, and what was known when. Each number is computed from the
# events; docs/measures.md defines it.
#
#     python supervisors_week.py [PNG [DATABASE [MONDAY]]]        a week of your own: week.png desk.db 2026-03-02
#
# A database that does not exist is made: a week in a contact centre of three tenants, from `convofold generate`. The
# environment variable CONVOFOLD names the command.
#
# Needs matplotlib and polars: `pip install 'convofold[plot]'`. Jupyter and VS Code read the cells.

# %%
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import matplotlib
import polars as pl

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from convofold import ArrowTable, Convofold, MomentError

ARGUMENTS = [] if "ipykernel" in sys.modules else sys.argv[1:]
PNG = Path(ARGUMENTS[0]) if ARGUMENTS else Path("supervisors_week.png")
COMMAND = os.environ.get("CONVOFOLD", "convofold")
ZONE = ZoneInfo("Europe/Berlin")
MONDAY = datetime.fromisoformat(ARGUMENTS[2] if len(ARGUMENTS) > 2 else "2026-03-02").replace(tzinfo=ZONE)
NEXT_MONDAY, FRIDAY_EVENING = MONDAY + timedelta(days=7), MONDAY + timedelta(days=4, hours=18)
pl.Config(tbl_rows=20, tbl_width_chars=140, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True, float_precision=1)

# %% [markdown]
# ## A week of events
#
# The generator writes conversations evenly over time. Here they begin as people write: on weekdays more than on Sunday, before
# noon more than at night. When many write at once, everything takes longer.
#
# The events of one tenant stood still in a queue on Thursday afternoon, and arrived on Saturday morning.

# %%
HOUR_MS, DAY_MS, WEEK_MS = 3_600_000, 86_400_000, 7 * 86_400_000
WEEK_BEGIN_MS = int(MONDAY.timestamp() * 1000)
OF_DAY = [1, 1, 1, 1, 1, 2, 5, 14, 30, 42, 46, 40, 30, 32, 38, 36, 30, 24, 18, 14, 10, 6, 3, 2]
OF_WEEK = [1.35, 1.05, 1.0, 1.0, 0.9, 0.35, 0.2]
LOAD = [day * hour for day in OF_WEEK for hour in OF_DAY]
# How slow each tenant is.
TENANTS = {"bank": 0.8, "hotel": 1.0, "shop": 1.7}
DELAYED, DELAYED_FROM, DELAYED_TO = "shop", 3 * DAY_MS + 13 * HOUR_MS, 3 * DAY_MS + 17 * HOUR_MS
ARRIVED = 5 * DAY_MS + 8 * HOUR_MS


def begin_of(place: float) -> int:
    """The time in the week by which a share of its conversations has begun, in milliseconds."""
    rest = place * sum(LOAD)
    for hour, load in enumerate(LOAD):
        if rest <= load:
            return int((hour + rest / load) * HOUR_MS)
        rest -= load
    return WEEK_MS


def moved(line: bytes, tenants: dict[str, str]) -> tuple[int, bytes]:
    """An event with the times of this week, and when it arrived, in milliseconds since Monday."""
    event = json.loads(line)
    (content,) = event["body"]["properties"].values()
    generated = int(event["body"]["transaction"].rpartition("_")[2]) - WEEK_BEGIN_MS
    begin = begin_of(generated / WEEK_MS)
    tenant = tenants.setdefault(content["business_id"], list(TENANTS)[len(tenants) % len(TENANTS)])
    slowness = TENANTS[tenant] * (0.6 + 3 * LOAD[min(begin // HOUR_MS, len(LOAD) - 1)] / max(LOAD))

    def in_week(ms: int) -> int:
        return begin + int((ms - WEEK_BEGIN_MS - generated) * slowness)

    at = in_week(int(datetime.fromisoformat(event["occurred"]).timestamp() * 1000))
    event["occurred"] = WEEK_BEGIN_MS + at
    for key in ("timestamp", "started_timestamp", "last_active_timestamp"):
        if content.get(key):
            content[key] = WEEK_BEGIN_MS + in_week(int(content[key]))
    content["business_id"] = tenant
    is_delayed = tenant == DELAYED and DELAYED_FROM <= at < DELAYED_TO
    return ARRIVED if is_delayed else at, json.dumps(event).encode()


def make_week(db: Convofold) -> int:
    """Fills the database in the order of arrival. Returns the sequence number that was the latest on Friday evening."""
    options = ["--events", "45000", "--in-flight", "2", "--envelope", "airship-rtds", "--agents", "12", "--reopen", "0.1"]
    generate = [COMMAND, "generate", *options, "--abandon", "0.05", "--leave-open", "0.01", "--start", MONDAY.isoformat()]
    log = subprocess.run(generate, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    tenants: dict[str, str] = {}
    arrivals = sorted((moved(line, tenants) for line in log.splitlines()), key=lambda arrival: arrival[0])
    friday = int((FRIDAY_EVENING - MONDAY).total_seconds() * 1000)
    db.ingest(b"\n".join(line for arrived, line in arrivals if arrived < friday))
    known = db.stats().last_seq
    db.ingest(b"\n".join(line for arrived, line in arrivals if friday <= arrived < WEEK_MS))
    return known


folder = tempfile.TemporaryDirectory()
path = Path(ARGUMENTS[1]) if len(ARGUMENTS) > 1 else Path(folder.name) / "db"
on_friday = FRIDAY_EVENING.isoformat()
if not path.exists():
    with Convofold(path) as made:
        on_friday = f"seq:{make_week(made)}"
db = Convofold(path, read_only=True)

# %% [markdown]
# ## Volumes
#
# A report is a table with one row for each bucket of time and group: counts, and structs of the other numbers. Durations are in
# milliseconds. The days add up to the week.

# %%


def table(of: ArrowTable) -> pl.DataFrame:
    return pl.DataFrame(of)


week: dict[str, Any] = {"from_": MONDAY, "to": NEXT_MONDAY, "tz": ZONE.key}
counts = ["started", "reopened", "closings", "messages_in", "messages_out"]
by_day = table(db.report(**week, every="1d", measures=[*counts, "unanswered", "last_close", "one_turn"]))
by_hour = table(db.report(**week, every="1h", measures=["started", "open", "waiting"]))
assert by_hour["started"].sum() == by_day["started"].sum()
weekday = pl.col("from").dt.strftime("%a").alias("day")
print(by_day.select(weekday, *counts))

# %% [markdown]
# ## Answers
#
# `first_response` is from the first question of a conversation to its answer, `response` from each question to its answer.
# Both belong to the agent who gave the answer, also after a transfer. `pending` are the questions that nobody has answered at
# the end of the week.

# %%
by_agent = table(db.report(**week, by=["agent"], measures=["first_response", "response"]))
MINUTE_MS = 60_000


def minutes(measure: str, part: str) -> pl.Expr:
    return (pl.col(measure).struct.field(part) / MINUTE_MS).alias(f"{measure} {part}, min")


def number(measure: str, part: str = "n") -> pl.Expr:
    return pl.col(measure).struct.field(part).alias(f"{measure} {part}")


by_agent = by_agent.sort(number("response", "p90"), nulls_last=True)
parts = [(measure, part) for measure in ("first_response", "response") for part in ("p50", "p90")]
agent = pl.coalesce("agent_name", "agent_id", pl.lit("(nobody)")).alias("agent")
shown = [number("response"), number("response", "pending"), *(minutes(*part) for part in parts)]
print(by_agent.select("agent_tenant", agent, *shown))

# %% [markdown]
# ## Shares
#
# Questions that were answered within five minutes, of all that were answered or had waited longer. Conversations that were
# closed after one question and its answer, of all that were closed and are not reopened.

# %%
by_tenant = table(db.report(**week, by=["tenant"], measures=["within:5m", "last_close", "one_turn"])).sort("tenant")
within = number("within(300000)", "share").alias("within 5 min")
one_turn = (pl.col("one_turn") / number("last_close")).alias("one turn")
with pl.Config(float_precision=3):
    print(by_tenant.select("tenant", within, one_turn))

# %% [markdown]
# ## What is behind a number
#
# Questions that were closed without an answer, on the day with the most of them. Each number can be opened: there are as many
# rows as the number says.

# %%
worst = by_day.sort(number("unanswered"), descending=True).row(0, named=True)
behind = table(db.report_rows("unanswered", worst["from"], worst["to"], tz=ZONE.key)).sort("value", descending=True)
assert behind.height == worst["unanswered"]["n"]
print(f"{behind.height} questions were closed without an answer on {worst['from']:%A}; the longest wait:")
for entry in db.history(behind["conversation_id"][0]) or []:
    at = datetime.fromtimestamp(entry.at / 1000, ZONE)
    print(f"  {at:%H:%M:%S} {entry.event.kind:<8} {entry.event.direction or '':<4} {entry.event.text or ''}")

# %% [markdown]
# ## As it was known on Friday
#
# The same report as on Friday evening, and as it is known now. A late event changes the numbers of the time at which it
# happened, and only those.

# %%
TO_COMPARE = ["started", "messages_in", "messages_out", "response"]


def numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each number."""
    cells = [pl.col(TO_COMPARE[:3]), number("response"), number("response", "p90")]
    return frame.select("from", "tenant", *cells).unpivot(index=["from", "tenant"], variable_name="number")


until_friday = {**week, "to": FRIDAY_EVENING, "every": "1d", "by": ["tenant"], "measures": TO_COMPARE}
now = table(db.report(**until_friday))
try:
    then = table(db.report(**until_friday, known_at=on_friday))
except MomentError as error:  # The events were replayed later.
    print(error)
    then, on_friday = now, "latest"
key = ["from", "tenant", "number"]
changed = numbers(then).join(numbers(now), on=key, how="full", coalesce=True, suffix="_now")
changed = changed.filter(pl.col("value").ne_missing(pl.col("value_now"))).sort(key)
print(changed.select(weekday, "tenant", "number", pl.col("value").alias("on Friday"), pl.col("value_now").alias("now")))
thursday = {**week, "from_": MONDAY + timedelta(days=3), "to": MONDAY + timedelta(days=4), "every": "1h"}
of_thursday = [table(db.report(**thursday, measures=["messages_in"], known_at=known)) for known in (on_friday, None)]

# %%
db.close()
folder.cleanup()

# %% [markdown]
# ## The pictures

# %%
BLUE, ORANGE, RED, GREY, INK, FAINT = "#4269d0", "#efb118", "#ff725c", "#878d96", "#23272e", "#e3e5e8"
plt.rcParams.update({"font.size": 10, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK})
PANELS: list[Any] = [["messages", "hours"], ["backlog", "backlog"], ["agents", "shares"], ["unanswered", "known"]]
figure, axes = plt.subplot_mosaic(PANELS, figsize=(13, 16), height_ratios=(3, 3, 5, 3), layout="constrained")
days = by_day.select(weekday)["day"].to_list()


def titled(name: str, title: str, grid: Literal["x", "y"] = "y") -> Axes:
    panel: Axes = axes[name]
    panel.set_title(title, loc="left", fontweight="bold")
    panel.grid(axis=grid, color=FAINT)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(length=0)
    return panel


panel = titled("messages", "Messages by day")
places = range(len(days))
panel.bar([place - 0.2 for place in places], by_day["messages_in"], width=0.4, color=BLUE, label="in")
panel.bar([place + 0.2 for place in places], by_day["messages_out"], width=0.4, color=ORANGE, label="out")
panel.set_xticks(places, days)
panel.legend(frameon=False)

panel = titled("hours", "Conversations started, by hour")
panel.grid(visible=False)
# A day on which the clocks change has 23 or 25 hours; its hours are those of the clock.
of_hour = by_hour.group_by(pl.col("from").dt.weekday().alias("day"), pl.col("from").dt.hour().alias("hour"))
grid = [[0] * 24 for _ in days]
for day, hour, started in of_hour.agg(pl.col("started").sum()).iter_rows():
    grid[day - 1][hour] = started
panel.imshow(grid, aspect="auto", cmap="Blues")
panel.set_xticks(range(0, 24, 3), [f"{hour}:00" for hour in range(0, 24, 3)])
panel.set_yticks(places, days)
figure.colorbar(panel.images[0], ax=panel, shrink=0.8)

panel = titled("backlog", "Open conversations and waiting members, by hour")
hours = by_hour["from"].to_list()
levels = [("open", "max"), ("open", "end"), ("waiting", "max")]
largest, end, waiting = (by_hour.select(number(*level)).to_series() for level in levels)
panel.fill_between(hours, end, largest, step="post", color=BLUE, alpha=0.25, linewidth=0, label="open, up to the largest")
panel.step(hours, end, where="post", color=BLUE, linewidth=1.4, label="open at the end of the hour")
panel.step(hours, waiting, where="post", color=RED, linewidth=1.4, label="waiting, the largest")
panel.margins(x=0)
panel.set_ylim(0, 1.2 * max(largest))
panel.xaxis.set_major_locator(mdates.DayLocator(tz=ZONE))
panel.xaxis.set_major_formatter(mdates.DateFormatter("%a", tz=ZONE))
panel.legend(frameon=False, ncols=3, loc="upper right")

panel = titled("agents", "Time to answer by agent: median and p90, minutes", grid="x")
answering = by_agent.filter(number("response") > 0)
names = answering.select(agent.alias("name"))["name"].to_list()
for measure, colour, offset in (("first_response", ORANGE, -0.15), ("response", BLUE, 0.15)):
    heights = [place + offset for place in range(len(names))]
    halves, nineties = (answering.select(minutes(measure, part)).to_series() for part in ("p50", "p90"))
    panel.hlines(heights, halves, nineties, color=colour, linewidth=2)
    panel.scatter(halves, heights, color="white", edgecolors=colour, zorder=3)
    panel.scatter(nineties, heights, color=colour, zorder=3, label=measure.replace("_", " "))
panel.set_yticks(range(len(names)), names)
panel.set_xlim(left=0)
panel.legend(frameon=False, loc="lower right")

panel = titled("shares", "Shares by tenant", grid="x")
tenants = by_tenant["tenant"].fill_null("(none)").to_list()
for share, colour, offset in ((within, BLUE, -0.2), (one_turn, ORANGE, 0.2)):
    values = by_tenant.select(share).to_series().fill_null(0.0)
    label = "answered within 5 min" if share is within else "closed after one turn"
    bars = panel.barh([place + offset for place in range(len(tenants))], values, height=0.36, color=colour, label=label)
    panel.bar_label(bars, fmt="{:.1%}", padding=4)
panel.set_yticks(range(len(tenants)), tenants)
panel.set_xlim(0, 1.12)
panel.xaxis.set_major_formatter("{x:.0%}")
panel.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2)

panel = titled("unanswered", "Questions closed without an answer")
bars = panel.bar(places, by_day.select(number("unanswered")).to_series(), width=0.6, color=RED)
panel.bar_label(bars, padding=2)
panel.set_xticks(places, days)

panel = titled("known", "Messages of Thursday, as known on Friday and now")
for frame, colour, style, label in zip(of_thursday, (GREY, BLUE), ("--", "-"), ("on Friday evening", "now")):
    panel.step(frame["from"].to_list(), frame["messages_in"], where="post", color=colour, linestyle=style, label=label)
panel.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M", tz=ZONE))
panel.set_ylim(bottom=0)
panel.legend(frameon=False)

figure.savefig(PNG, dpi=110)
print(f"wrote {PNG}")
