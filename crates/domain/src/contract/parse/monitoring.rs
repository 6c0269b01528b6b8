//! `[monitor]`, `[retrain]`, `[replay]`.

use crate::{
    contract::{
        AlertSink, Budget, FalseAlarmRate, FireAfter, GrowthThreshold, Labels, Monitor, OnSuccess, Reference, Replay,
        ReplayStart, Retrain, SinkKind, Trigger, field::Field, section::Section,
    },
    nearest::nearest,
    time::Span,
};

pub(super) fn monitor(field: &Field<'_, '_>) -> Option<Monitor> {
    let section = field.section("monitor")?;
    let default = Monitor::default();
    let monitor = Monitor {
        every: section.span("every").unwrap_or(default.every),
        labels: section.section("labels").map(labels).unwrap_or_default(),
        data: section.rules("data"),
        performance: section.rules("performance"),
        drift: section.rules("drift"),
        bias: section.rules("bias"),
        usage: section.rules("usage"),
        alert: section.list("alert").iter().filter_map(|field| field.read(sink)).collect(),
        for_windows: section.count("for_windows").map_or(default.for_windows, |count| count as u32),
        min_rows: section.count("min_rows").unwrap_or(default.min_rows),
        min_labelled: section.field("min_labelled").and_then(|field| field.share()).unwrap_or(default.min_labelled),
        reference: section.field("reference").and_then(|field| field.read(reference)).unwrap_or_default(),
        false_alarm_rate: section
            .field("false_alarm_rate")
            .and_then(|field| field.read(false_alarm_rate))
            .unwrap_or_default(),
    };
    section.finish();
    Some(monitor)
}

fn labels(section: Section<'_, '_>) -> Labels {
    let delay = section.field("delay").and_then(|field| field.parsed());
    let labels = Labels { source: section.path("source"), delay };
    section.finish();
    labels
}

fn sink(text: &str) -> Result<AlertSink, String> {
    let wrong = || format!("`{text}` is not a notification target: write `mail:NAME`, `webhook:NAME` or `log`");
    let (kind, target) = match text.split_once(':') {
        None if text == "log" => (SinkKind::Log, ""),
        Some(("mail", target)) if !target.is_empty() => (SinkKind::Mail, target),
        Some(("webhook", target)) if !target.is_empty() => (SinkKind::Webhook, target),
        _ => return Err(wrong()),
    };
    Ok(AlertSink { kind, target: target.to_owned() })
}

fn reference(text: &str) -> Result<Reference, String> {
    match (text, text.strip_prefix("last ")) {
        ("training", _) => Ok(Reference::Training),
        ("previous", _) => Ok(Reference::Previous),
        (_, Some(span)) => positive(span.trim()).map(Reference::Rolling),
        _ => Err(format!("`{text}` is not a reference: write `training`, `previous` or `last 30d`")),
    }
}

fn positive(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: crate::time::InvalidSpan| error.to_string())?;
    if span.count > 0 { Ok(span) } else { Err(format!("`{text}` is no time at all")) }
}

fn whole(text: &str) -> Option<u32> {
    text.replace('_', "").parse().ok().filter(|number| (1..=1_000_000).contains(number))
}

/// `1 per 1y`, `1 per 1000 windows`.
fn false_alarm_rate(text: &str) -> Result<FalseAlarmRate, String> {
    let wrong = || format!("`{text}` is not a rate of false alarms: write `1 per 1y` or `1 per 1000 windows`");
    let (count, per) = text.split_once(" per ").ok_or_else(wrong)?;
    let count = whole(count.trim()).ok_or_else(wrong)?;
    match per.trim().strip_suffix("windows") {
        Some(windows) => {
            whole(windows.trim()).map(|windows| FalseAlarmRate::PerWindows { count, windows }).ok_or_else(wrong)
        }
        None => positive(per.trim()).map(|per| FalseAlarmRate::PerSpan { count, per }).map_err(|_| wrong()),
    }
}

pub(super) fn retrain(field: &Field<'_, '_>) -> Option<Retrain> {
    let section = field.section("retrain")?;
    let on_success = section.choice("on_success").map(|at| [OnSuccess::Candidate, OnSuccess::Draft][at]);
    let step = |field: &Field<'_, '_>| field.parsed();
    let retrain = Retrain {
        when: section.list("when").iter().filter_map(|field| field.read(trigger)).collect(),
        run: section.list("run").iter().filter_map(step).collect(),
        on_success: on_success.unwrap_or_default(),
        budget: section.field("budget").and_then(|field| field.read(budget)),
        cooldown: section.span("cooldown"),
        window: section.span("window"),
    };
    section.finish();
    Some(retrain)
}

fn budget(text: &str) -> Result<Budget, String> {
    let wrong = || format!("`{text}` is not a budget: write `10 runs / 30d`");
    let (runs, per) = text.split_once('/').ok_or_else(wrong)?;
    let runs = runs.trim();
    let runs = runs.strip_suffix("runs").or_else(|| runs.strip_suffix("run")).and_then(|runs| whole(runs.trim()));
    Ok(Budget { runs: runs.ok_or_else(wrong)?, per: positive(per.trim()).map_err(|_| wrong())? })
}

/// `schedule '0 3 1 * *'`, `schedule every 30d`, `monitor.drift failing 3d`, `data.customers grew 10%`.
pub(crate) fn trigger(text: &str) -> Result<Trigger, String> {
    let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let rest = rest.trim();
    match word.split_once('.') {
        None if word == "schedule" => schedule(rest),
        Some(("monitor", kind)) => failing(text, kind, rest),
        Some(("data", name)) => grew(text, name, rest),
        _ => {
            let begins = ["schedule", "monitor", "data"];
            let near = nearest(word.split('.').next().unwrap_or(word), begins);
            let hint = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            Err(format!("`{text}` is not a trigger{hint}: {TRIGGERS}"))
        }
    }
}

const TRIGGERS: &str =
    "write `schedule '0 3 1 * *'`, `schedule every 30d`, `monitor.drift failing 3d` or `data.NAME grew 10%`";

fn schedule(rest: &str) -> Result<Trigger, String> {
    if let Some(span) = rest.strip_prefix("every ") {
        return positive(span.trim()).map(Trigger::Every);
    }
    let quoted = |quote: char| rest.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let cron = quoted('\'').or_else(|| quoted('"')).unwrap_or(rest);
    cron.parse().map(Trigger::Cron).map_err(|error: crate::schedule::InvalidCron| error.to_string())
}

fn failing(text: &str, kind: &str, rest: &str) -> Result<Trigger, String> {
    let kind = kind.parse().map_err(|error: crate::alert::InvalidMonitorKind| error.to_string())?;
    let wrong =
        || format!("`{text}` is not a trigger: write `monitor.{kind} failing`, and perhaps `3d` or `2 windows`");
    let patience = rest.strip_prefix("failing").ok_or_else(wrong)?.trim();
    let windows = patience.strip_suffix("windows").or_else(|| patience.strip_suffix("window"));
    let patience = match windows {
        _ if patience.is_empty() => FireAfter::AtOnce,
        Some(windows) => FireAfter::Windows(whole(windows.trim()).ok_or_else(wrong)?),
        None => FireAfter::For(positive(patience).map_err(|_| wrong())?),
    };
    Ok(Trigger::Failing { kind, patience })
}

fn grew(text: &str, name: &str, rest: &str) -> Result<Trigger, String> {
    let wrong = || format!("`{text}` is not a trigger: write `data.{name} grew 10%` or `data.{name} grew 1000 rows`");
    let amount = rest.strip_prefix("grew ").ok_or_else(wrong)?.trim();
    let share = amount.strip_suffix('%').map(|percent| percent.trim().parse::<f64>());
    let by = match share {
        Some(Ok(percent)) if percent > 0.0 && percent <= 1e6 => GrowthThreshold::Share(percent / 100.0),
        Some(_) => return Err(wrong()),
        None => GrowthThreshold::Rows(
            amount.strip_suffix("rows").and_then(|rows| whole(rows.trim())).ok_or_else(wrong)?.into(),
        ),
    };
    let data = name.parse().map_err(|error: crate::ids::InvalidName| error.to_string())?;
    Ok(Trigger::Grew { data, by })
}

pub(super) fn replay(field: &Field<'_, '_>) -> Option<Replay> {
    let section = field.section("replay")?;
    let replay = Replay {
        data: section.parsed("data"),
        start: section.field("start").and_then(|field| start(&field)),
        period: section.span("period"),
        end: section.field("end").and_then(|field| field.time()),
        seed: section.count("seed").unwrap_or(0),
        batch_rows: section.count("batch_rows").map(|rows| rows as u32),
        metric: section.text("metric"),
    };
    if let (Some(ReplayStart::At(start)), Some(end)) = (replay.start, replay.end)
        && end <= start
    {
        section.error(format!("the replay ends ({end}) before it starts ({start})"), None);
    }
    section.finish();
    Some(replay)
}

fn start(field: &Field<'_, '_>) -> Option<ReplayStart> {
    if !field.is_number_below_one() {
        return field.time().map(ReplayStart::At);
    }
    let share = field.share()?;
    if share == 0.0 || share == 1.0 {
        field.error("a replay needs rows before and after its start", "write a share like 0.3".to_owned());
        return None;
    }
    Some(ReplayStart::Share(share))
}
