# %% [markdown]
# # Open conversations and waiting customers
#
# Replays a log into a database, and plots the number of open conversations over time and the number of customers who waited for
# an answer, by assigned agent.
#
#     python plot_open_and_waiting.py [LOG] [PNG]
#
# Needs matplotlib: `pip install matplotlib`.

# %%
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from convofold import Conversation, Convofold

sample = Path(__file__).parents[3] / "docs" / "sample.ndjson"
log = Path(sys.argv[1]) if len(sys.argv) > 1 else sample
png = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("open_and_waiting.png")

# %% [markdown]
# ## From a log to steps
#
# A history lists events in the order in which they happened, even if they arrived late or repeatedly, and each entry has the
# agent assigned then. One pass over it finds every time at which the conversation opened or closed, or its customer started or
# stopped waiting. A step is a time, a name and a difference of one.

# %%
Step = tuple[int, str, int]
OPENS, CLOSES = {"open", "update_open"}, {"close", "open_closed"}
NOBODY = "(nobody)"


def steps(conversation: Conversation) -> tuple[list[Step], list[Step]]:
    """The steps of open conversations, and those of waiting customers by agent."""
    opened: list[Step] = [(conversation.state.started_at, "open", 1)]
    waiting: list[Step] = []
    is_open, waits_for = True, None
    for entry in conversation.history:
        if not entry.counts:
            continue
        was_open, waited_for, event = is_open, waits_for, entry.event
        is_open = (is_open or event.kind in OPENS) and event.kind not in CLOSES
        agent = (entry.assigned.name or entry.assigned.id or NOBODY) if entry.assigned else NOBODY
        is_message = event.kind == "message" and is_open
        if not is_open or (is_message and event.direction == "out"):
            waits_for = None
        elif waited_for is not None or (is_message and event.direction == "in"):
            waits_for = agent  # also when another agent takes over
        if is_open != was_open:
            opened.append((entry.at, "open", 1 if is_open else -1))
        if waits_for != waited_for:
            waiting += [(entry.at, waited_for, -1)] if waited_for else []
            waiting += [(entry.at, waits_for, 1)] if waits_for else []
    return opened, waiting


opened: list[Step] = []
waiting: list[Step] = []
with tempfile.TemporaryDirectory() as folder, Convofold(Path(folder) / "db") as db:
    report = db.replay(log)
    for conversation in db.conversations():
        for all_steps, found in zip((opened, waiting), steps(conversation)):
            all_steps += found
    open_now, waiting_now = db.stats().open, sum(load.waiting for load in db.agents())

# At the end, the steps add up to what the database reports.
assert sum(step for _, _, step in opened) == open_now
assert sum(step for _, _, step in waiting) == waiting_now
print(f"{report.events} events, {open_now} conversations open at the end, {waiting_now} waiting")

# %% [markdown]
# ## Sums of the steps on a grid of times

# %%
POINTS = 400
first, last = min(at for at, _, _ in opened), max(at for at, _, _ in opened + waiting)
grid = [first + (last - first) * point // POINTS for point in range(POINTS + 1)]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
times = [EPOCH + timedelta(milliseconds=at) for at in grid]


def series(all_steps: list[Step], name: str) -> Iterator[int]:
    """The sum of the steps with a name, at each time of the grid."""
    mine = sorted((at, step) for at, of, step in all_steps if of == name)
    total, index = 0, 0
    for until in grid:
        while index < len(mine) and mine[index][0] <= until:
            total += mine[index][1]
            index += 1
        yield total


def busiest(count: int) -> list[str]:
    """The agents with the most waiting customers, summed over the grid."""
    waited = Counter({agent: sum(series(waiting, agent)) for agent in {agent for _, agent, _ in waiting}})
    waited.pop(NOBODY, None)
    return [agent for agent, _ in waited.most_common(count)]


shown = busiest(7)
others = "(others)"
waiting = [(at, agent if agent in shown or agent == NOBODY else others, step) for at, agent, step in waiting]
agents = [agent for agent in [*shown, others, NOBODY] if any(agent == of for _, of, _ in waiting)]

# %% [markdown]
# ## The chart

# %%
COLOURS = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#a463f2", "#97bbf5", "#9c6b4e"]
GREYS = {others: "#c9ccd1", NOBODY: "#878d96"}
INK, FAINT = "#23272e", "#e3e5e8"
plt.rcParams.update({"font.size": 10, "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK})

figure, (above, below) = plt.subplots(2, 1, figsize=(11, 6.6), sharex=True, height_ratios=(2, 3), layout="constrained")
count_open = list(series(opened, "open"))
above.fill_between(times, count_open, step="post", color="#4269d0", alpha=0.18, linewidth=0)
above.step(times, count_open, where="post", color="#4269d0", linewidth=1.6)
above.set_title("Open conversations", loc="left", fontweight="bold")

colours = [GREYS.get(agent) or COLOURS[shown.index(agent)] for agent in agents]
stack = [list(series(waiting, agent)) for agent in agents]
below.stackplot(times, stack, labels=agents, colors=colours, step="post", edgecolor="white", linewidth=0.4)
below.set_title("Customers waiting for an answer, by agent", loc="left", fontweight="bold")
# In the order of the stack, from the top.
handles, labels = below.get_legend_handles_labels()
below.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)

for axes in (above, below):
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
below.set_xlim(times[0], times[-1])
locator = mdates.AutoDateLocator(minticks=5, maxticks=9)
below.xaxis.set_major_locator(locator)
below.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
below.set_xlabel("UTC")
figure.savefig(png, dpi=150)
print(f"wrote {png}")
