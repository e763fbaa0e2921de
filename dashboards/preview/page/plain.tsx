// Plain drawings of the two panels whose components Grafana does not publish:
// the state timeline and the heatmap. They show what is drawn and in which
// colours, not how it looks.
import { type DataFrame, dateTimeFormat, getFieldDisplayName, getValueFormat, formattedValueToString, type TimeRange } from '@grafana/data';
import type { CSSProperties, ReactNode } from 'react';
import type { Drawing } from './panels';
import type { Series } from './prometheus';

const nameWidth = 170;
const axisHeight = 22;

function Axis({ range, width, children }: { range: TimeRange; width: number; children: ReactNode }) {
  const parts = width > 500 ? [0, 0.25, 0.5, 0.75, 1] : [0, 1];
  const times = parts.map((part) => range.from.valueOf() + part * (range.to.valueOf() - range.from.valueOf()));
  return (
    <div style={{ position: 'relative', width }}>
      {children}
      <div style={{ display: 'flex', justifyContent: 'space-between', marginLeft: nameWidth, fontSize: 11, height: axisHeight }}>
        {times.map((t) => (
          <span key={t}>{dateTimeFormat(t, { format: 'HH:mm' })}</span>
        ))}
      </div>
    </div>
  );
}

const clipped: CSSProperties = { overflow: 'hidden', whiteSpace: 'nowrap', textOverflow: 'ellipsis' };

export function StateTimeline({ frames, options, width, height, range, theme }: Drawing) {
  const rowHeight = Math.min(36, (height - axisHeight) / Math.max(frames.length, 1));
  const scale = (width - nameWidth) / (range.to.valueOf() - range.from.valueOf());
  return (
    <Axis range={range} width={width}>
      <div style={{ height: height - axisHeight, overflow: 'hidden' }}>
        {frames.map((frame, i) => (
          <div key={i} style={{ position: 'relative', height: rowHeight }}>
            <div style={{ ...clipped, width: nameWidth - 8, textAlign: 'right', fontSize: 12, lineHeight: `${rowHeight}px` }}>
              {getFieldDisplayName(frame.fields[1], frame, frames)}
            </div>
            {states(frame, options.mergeValues).map(({ from: since, to, value }) => {
              const from = Math.max(since, range.from.valueOf()); // steps begin before the range
              const { text, color } = frame.fields[1].display!(value);
              return (
                <div
                  key={from}
                  style={{
                    ...clipped,
                    position: 'absolute',
                    top: (rowHeight * (1 - options.rowHeight)) / 2,
                    height: rowHeight * options.rowHeight,
                    lineHeight: `${rowHeight * options.rowHeight}px`,
                    left: nameWidth + (from - range.from.valueOf()) * scale,
                    width: (to - from) * scale,
                    background: color,
                    opacity: 0.8,
                    color: theme.colors.getContrastText(color ?? '#000'),
                    fontSize: 11,
                    paddingLeft: 4,
                  }}
                >
                  {text}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </Axis>
  );
}

function states(frame: DataFrame, merge: boolean) {
  const [time, field] = frame.fields;
  const found: Array<{ from: number; to: number; value: number }> = [];
  for (let i = 0; i < frame.length; i++) {
    const value = field.values[i];
    const to = time.values[i + 1] ?? time.values[i];
    const last = found.at(-1);
    if (value == null) {
      continue;
    }
    if (merge && last && last.value === value && last.to === time.values[i]) {
      last.to = to;
    } else {
      found.push({ from: time.values[i], to, value });
    }
  }
  return found.filter(({ from, to }) => to > from);
}

interface Cell {
  time: number;
  low: number;
  high: number;
  count: number;
}

export function Heatmap({ series, options, width, height, range, step, theme }: Drawing) {
  const cells = series.flatMap((s) => s.histograms?.length ? nativeCells(s) : []).concat(classicCells(series));
  const most = Math.max(...cells.map((c) => c.count), 1e-9);
  const bounds = cells.flatMap((c) => [c.low, c.high]).filter((v) => v > 0 && isFinite(v));
  const [low, high] = [Math.log(Math.min(...bounds)), Math.log(Math.max(...bounds))];
  const tall = height - axisHeight;
  const y = (v: number) => tall * (1 - (Math.log(Math.max(v, Math.exp(low))) - low) / (high - low || 1));
  const scale = (width - nameWidth) / (range.to.valueOf() - range.from.valueOf());
  const format = getValueFormat(options.yAxis.unit);
  return (
    <Axis range={range} width={width}>
      <div style={{ position: 'relative', height: tall }}>
        {[0, 0.5, 1].map((part) => {
          const value = Math.exp(low + (high - low) * part);
          return (
            <span key={part} style={{ position: 'absolute', top: Math.min(tall - 16, y(value)), width: nameWidth - 8, textAlign: 'right', fontSize: 11 }}>
              {formattedValueToString(format(value))}
            </span>
          );
        })}
        {cells.map(({ time, low, high, count }, i) => (
          <div
            key={i}
            style={{
              position: 'absolute',
              left: nameWidth + Math.max(time - range.from.valueOf(), 0) * scale,
              width: Math.max(step * 1000 * scale - 1, 1),
              top: y(isFinite(high) ? high : low * 2),
              height: Math.max(y(low) - y(isFinite(high) ? high : low * 2) - 1, 2),
              background: theme.visualization.getColorByName('dark-orange'),
              opacity: 0.15 + 0.85 * Math.pow(count / most, options.color.exponent),
            }}
          />
        ))}
      </div>
    </Axis>
  );
}

const nativeCells = (s: Series): Cell[] =>
  s.histograms!.flatMap(([t, { buckets }]) =>
    (buckets ?? []).map(([, low, high, count]) => ({ time: t * 1000, low: Number(low), high: Number(high), count: Number(count) })),
  );

function classicCells(series: Series[]): Cell[] {
  const buckets = series
    .filter((s) => s.metric.le && s.values)
    .map((s) => ({ le: s.metric.le === '+Inf' ? Infinity : Number(s.metric.le), values: s.values! }))
    .sort((a, b) => a.le - b.le);
  return buckets.flatMap(({ le, values }, i) => {
    const below = new Map(buckets[i - 1]?.values);
    return values
      .map(([t, v]) => ({ time: t * 1000, low: buckets[i - 1]?.le ?? le / 2, high: le, count: Number(v) - Number(below.get(t) ?? 0) }))
      .filter((c) => c.count > 0);
  });
}

