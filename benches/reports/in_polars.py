"""The report from Arrow tables with polars.

    in_polars.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl

import meter
import question
import tables
from question import Collected

BY = ["day", "tenant", "agent"]
IS_IN, IS_OUT, IS_CLOSE = (pl.col("kind") == kind for kind in ("in", "out", "close"))


class Tables:
    """Events and conversations in memory."""

    def __init__(self, folder: Path) -> None:
        self.events = pl.read_parquet(folder / tables.EVENTS)
        self.conversations = pl.read_parquet(folder / tables.CONVERSATIONS)

    def arrive(self, event: dict[str, Any]) -> None:
        number = self.conversations.filter(pl.col("id") == event["conversation"]).item(0, "n")
        at = pl.Series([event["occurred"]]).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms").dt.epoch("ms")[0]
        row = {"conversation": number, "at": at, "rank": 1, "identity": event["identity"], "kind": event["direction"]}
        late = pl.DataFrame([{**row, "agent": None}], schema=self.events.schema)
        self.events = pl.concat([self.events, late]).unique(["conversation", "identity"], maintain_order=True)

    def steps(self) -> pl.DataFrame:
        """The state after each event."""
        opens = pl.when(pl.col("kind").is_in(["open", "close"])).then(pl.col("kind") == "open")
        ends = pl.col("kind").is_in(["out", "close"])
        ordered = self.events.sort("conversation", "at", "rank", "identity").drop("identity", "rank")
        stated = ordered.with_columns(
            pl.col("agent").forward_fill().over("conversation").fill_null(""),
            opens.forward_fill().over("conversation").fill_null(True).alias("is_open"),
            # An answer or a close ends a turn, and is its last event.
            (ends.cum_sum().over("conversation") - ends).alias("turn"),
            (IS_CLOSE.cum_sum().over("conversation") - IS_CLOSE).alias("span"),
        )
        asked = pl.when(IS_IN).then(pl.col("at"))
        return stated.with_columns(
            asked.cum_min().forward_fill().over("conversation", "turn").alias("asked"),
            asked.cum_min().forward_fill().over("conversation", "span").alias("asked_first"),
            pl.col("is_open").shift().over("conversation").alias("was_open"),
            pl.int_range(pl.len()).over("conversation").alias("place"),
        ).with_columns((pl.col("is_open") & ~ends & pl.col("asked").is_not_null()).alias("waits"))

    def report(self) -> list[Any]:
        tenants = self.conversations.select(pl.col("n").alias("conversation"), "tenant")
        steps = self.steps().join(tenants, on="conversation", maintain_order="left")
        steps = steps.with_columns(pl.col("tenant", "agent").cast(pl.Categorical))
        collected = Collected()
        for frame in (counts(steps), durations(steps), levels(steps)):
            for row in frame.iter_rows(named=True):
                key = (row.pop("day"), row.pop("tenant"), row.pop("agent"))
                collected.add(key, **row)
        return collected.dump()


def day(column: str = "at") -> pl.Expr:
    """The begin of the day in Berlin, in milliseconds."""
    at = pl.from_epoch(column, time_unit="ms").dt.replace_time_zone("UTC").dt.convert_time_zone(question.ZONE)
    return at.dt.truncate("1d").dt.epoch("ms").alias("day")


def in_month(steps: pl.DataFrame) -> pl.DataFrame:
    return steps.filter(pl.col("at") >= question.FROM_MS, pl.col("at") < question.TO_MS)


def counts(steps: pl.DataFrame) -> pl.DataFrame:
    return in_month(steps).group_by(day(), "tenant", "agent").agg(
        ((pl.col("place") == 0) & ~IS_CLOSE).sum().alias("started"),
        (pl.col("was_open") & ~pl.col("is_open")).sum().alias("closings"),
        IS_IN.sum().alias("messages_in"),
        IS_OUT.sum().alias("messages_out"),
    )


def durations(steps: pl.DataFrame) -> pl.DataFrame:
    answers = steps.filter(IS_OUT, pl.col("is_open"))
    first = answers.filter(pl.col("asked_first").is_not_null()).unique("conversation", keep="first", maintain_order=True)
    measured = [
        distribution(answers.filter(pl.col("asked").is_not_null()), "asked", "response"),
        distribution(first, "asked_first", "first_response"),
    ]
    return measured[0].join(measured[1], on=BY, how="full", coalesce=True)


def distribution(answers: pl.DataFrame, since: str, name: str) -> pl.DataFrame:
    """Percentiles by nearest rank."""
    ms = (pl.col("at") - pl.col(since)).sort()
    ranks = [ms.get((pl.len() * percent + 99) // 100 - 1).alias(f"{name}_p{percent}") for percent in (50, 90)]
    return in_month(answers).group_by(day(), "tenant", "agent").agg(pl.len().alias(f"{name}_n"), *ranks)


def levels(steps: pl.DataFrame) -> pl.DataFrame:
    """Open conversations and waiting members: at the end of each day, the largest number, and the mean over time."""
    of, start, end = ["tenant", "agent"], question.FROM_MS, question.TO_MS
    parts = ("conversation", "is_open", "agent", "waits")
    is_new = pl.any_horizontal(pl.col(part).ne_missing(pl.col(part).shift()) for part in parts)
    stretches = steps.filter(is_new).with_columns(pl.col("at").shift(-1).over("conversation").alias("until"))
    stretches = stretches.filter(pl.col("is_open"), pl.col("until").is_null() | (pl.col("until") > pl.col("at")))
    stretches = stretches.filter(pl.col("at") < end, pl.col("until").is_null() | (pl.col("until") > start))
    one, waits = pl.lit(1, pl.Int64).alias("open"), pl.col("waits").cast(pl.Int64).alias("waiting")
    begins = stretches.select(*of, pl.col("at").clip(start), one, waits)
    ends = stretches.filter(pl.col("until") < end).select(*of, pl.col("until").alias("at"), -one, -waits)
    # A day begins with the level at the end of the day before.
    days = pl.DataFrame(question.days(), schema=["at", "end"], orient="row").with_columns(pl.col("at").alias("day"))
    nothing = stretches.select(of).unique().join(days, how="cross").with_columns(one * 0, waiting=pl.lit(0, pl.Int64))
    changes = pl.concat([begins, ends, nothing], how="diagonal").group_by(*of, "at")
    ordered = changes.agg(pl.col("open", "waiting").sum(), pl.col("day", "end").max()).sort(*of, "at")
    values = ordered.with_columns(
        pl.col("open", "waiting").cum_sum().over(of),
        pl.col("day", "end").forward_fill().over(of),
        pl.col("at").shift(-1).over(of).fill_null(end).alias("until"),
    )
    is_last = pl.col("until") == pl.col("end")
    lasting = pl.col("open") * (pl.col("until") - pl.col("at"))
    return values.group_by(BY).agg(
        pl.col("open").filter(is_last).sum().alias("open_end"),
        pl.col("open").max().alias("open_max"),
        (lasting.sum() / (pl.col("end").first() - pl.col("day").first())).alias("open_mean"),
        pl.col("waiting").filter(is_last).sum().alias("waiting_end"),
    )


def turn(folder: Path) -> dict[str, Any]:
    event = question.late_event(folder)

    def after_late() -> list[Any]:
        here.arrive(event)
        return here.report()

    opened, here = meter.measured(lambda: Tables(folder))
    first, answer = meter.measured(here.report)
    again, same = meter.measured(here.report)
    if same != answer:
        sys.exit("the second report differs from the first")
    after, late_answer = meter.measured(after_late)
    figures = {"first": first, "again": again, "late": after}
    return {"opened": opened, **figures, "peak": meter.peak_bytes(), "answers": [answer, late_answer]}


if __name__ == "__main__":
    print(json.dumps(turn(Path(sys.argv[1]))))
