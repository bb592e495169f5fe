# ruff: noqa: E501
"""The report's page, a Jinja2 template."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Examination {{ run_name }}</title>
<style>
:root { --ink: #1f2933; --muted: #616e7c; --line: #e4e7eb; --blue: #1d5c93; --good: #1e7b4f; --bad: #b3261e; --warn: #9a6700; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7fa; color: var(--ink); font: 15px/1.5 "Helvetica Neue", Helvetica, Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 32px 48px; background: #fff; }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 2px solid var(--blue); padding-bottom: 10px; }
h1 { font-size: 24px; font-weight: 600; margin: 0; }
h2 { font-size: 17px; font-weight: 600; margin: 34px 0 10px; color: var(--blue); break-after: avoid; }
header span, .note, figcaption { color: var(--muted); font-size: 13px; }
.verdict { margin: 18px 0 4px; padding: 14px 18px; border-left: 6px solid var(--warn); background: #fff8e6; font-size: 16px; }
.verdict strong { text-transform: uppercase; letter-spacing: .04em; margin-right: 10px; }
.verdict.accepted { border-color: var(--good); background: #e9f6ef; }
.verdict.stopped { border-color: var(--bad); background: #fdecea; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--muted); border-bottom: 1px solid #9aa5b1; padding: 5px 10px 5px 0; }
td { border-bottom: 1px solid var(--line); padding: 5px 10px 5px 0; vertical-align: top; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 32px; align-items: start; }
figure { margin: 0; break-inside: avoid; }
figure > img { width: 100%; display: block; }
.images { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; }
.images img { background: #000; border-top: 3px solid var(--good); }
.images .rejected img { border-top-color: var(--bad); }
.images figcaption { font-size: 11.5px; line-height: 1.35; margin-top: 4px; }
details summary { cursor: pointer; color: var(--blue); }
details td, details th { font-size: 12.5px; padding-top: 2px; padding-bottom: 2px; }
code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px; white-space: nowrap; }
footer { margin-top: 36px; border-top: 1px solid var(--line); padding-top: 10px; color: var(--muted); font-size: 12.5px; }
@media print { body { background: #fff; } main { max-width: none; padding: 0; } details { display: none; } }
</style>
</head>
<body>
<main>
<header><h1>Robotic ultrasound examination</h1><span>{{ run_name }}</span></header>

<p class="verdict {{ summary.outcome }}"><strong>{{ summary.outcome }}</strong>{{ verdict }}</p>
{% if simulated %}
<p class="note">Simulated: a mock arm, and a physical twin of the patient.</p>
{% endif %}
{% if not summary.complete %}
<p class="note">The record was cut off; the figures cover what was written.</p>
{% endif %}

<h2>Key figures</h2>
<table>
<tr><th>Figure</th><th>Value</th><th>Demanded</th><th></th></tr>
{% for f in key_figures %}
<tr><td>{{ f.name }}</td><td class="n">{{ f.value }}</td><td class="n">{{ f.demand }}</td>
<td>{% if f.good is true %}<span class="good">met</span>{% elif f.good is false %}<span class="bad">not met</span>{% endif %}</td></tr>
{% endfor %}
</table>
<p class="note">True values come from the recorded truth of the simulated patient; on a real arm only measured ones exist.
Coverage here is recomputed from the record{% if summary.coverage_reported is not none %}; the planner reported {{ "%.1f"|format(100 * summary.coverage_reported) }} %{% endif %}.</p>

<h2>Force</h2>
<figure><img src="{{ figures.force }}" alt="Force along the beam over time"></figure>

<div class="columns">
<div>
<h2>Path and coverage</h2>
{% if figures.path %}<figure><img src="{{ figures.path }}" alt="Planned points and images from above"></figure>
{% else %}<p class="note">No plan or no images were recorded.</p>{% endif %}
</div>
<div>
<h2>Orientation</h2>
{% if figures.normal %}<figure><img src="{{ figures.normal }}" alt="Angle to the skin's normal over time"></figure>
{% else %}<p class="note">Not measured: no truth of the skin was recorded while scanning.</p>{% endif %}
<h2>Phases</h2>
<table>
<tr><th>Phase</th><th>Duration [s]</th></tr>
{% for name, seconds in summary.phases_s.items() %}
<tr><td>{{ name }}</td><td class="n">{{ "%.1f"|format(seconds) }}</td></tr>
{% endfor %}
{% if summary.duration_s is not none %}<tr><td><b>Total</b></td><td class="n"><b>{{ "%.1f"|format(summary.duration_s) }}</b></td></tr>{% endif %}
</table>
</div>
</div>

<h2>Images</h2>
{% if samples %}
<div class="images">
{% for s in samples %}
<figure class="{{ 'accepted' if s.accepted else 'rejected' }}"><img src="{{ s.uri }}" alt="Ultrasound image">
<figcaption><span class="{{ 'good' if s.accepted else 'bad' }}">{{ 'accepted' if s.accepted else 'rejected' }}</span> {{ s.caption }}</figcaption></figure>
{% endfor %}
</div>
{% else %}<p class="note">No image was made in contact.</p>{% endif %}

<h2>Volume</h2>
{% if figures.volume %}<figure><img src="{{ figures.volume }}" alt="Three orthogonal slices of the volume">
<figcaption>Accepted images compounded with their poses; slices through the middle of the filled region. File: volume.mha</figcaption></figure>
{% else %}<p class="note">No volume: no accepted images.</p>{% endif %}

<h2>Loop timing</h2>
{% if figures.loop %}<div class="columns"><figure><img src="{{ figures.loop }}" alt="Histogram of loop periods"></figure>
<p class="note">Real-time priority: {{ 'granted' if summary.loop.realtime else 'not granted' }}.
{{ summary.commands_clamped }} commands clamped, {{ summary.commands_refused }} refused.</p></div>
{% else %}<p class="note">Not measured: this run had no wall clock (simulated in one process).
{{ summary.commands_clamped }} commands clamped, {{ summary.commands_refused }} refused.</p>{% endif %}

<h2>Events</h2>
{% if events %}
<table>
<tr><th>Time [s]</th><th>Source</th><th>Kind</th><th>Detail</th></tr>
{% for time, source, kind, detail in events %}
<tr><td class="n">{{ time }}</td><td>{{ source }}</td><td>{{ kind }}</td><td>{{ detail }}</td></tr>
{% endfor %}
</table>
{% if events_left_out %}<p class="note">{{ events_left_out }} more are in the bag.</p>{% endif %}
{% else %}<p class="note">None.</p>{% endif %}

<h2>Configuration</h2>
<p>Arm <b>{{ summary.arm }}</b>, probe <b>{{ summary.probe }}</b>, task <b>{{ summary.task }}</b>, seed {{ summary.seed }},
medrobot_ros {{ summary.software }}.</p>
<details open><summary>All settings</summary>
<table>
<tr><th>Key</th><th>Value</th><th>Unit</th><th>Meaning</th></tr>
{% for key, value, unit, meaning in configuration %}
<tr><td><code>{{ key }}</code></td><td class="n">{{ value }}</td><td>{{ unit }}</td><td>{{ meaning }}</td></tr>
{% endfor %}
</table>
</details>

<footer>For research use only. Not a medical device; not for diagnosis or treatment. A real cell needs a hardware emergency stop.</footer>
</main>
</body>
</html>
"""
