// Questions to Prometheus, and its answers as the data frames that Grafana's
// data source makes of them.
import { type DataFrame, type Field, FieldType, type Labels, type TimeRange } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  format?: string;
  instant?: boolean;
  legendFormat?: string;
}

export interface Series {
  metric: Labels;
  value?: [number, string];
  values?: Array<[number, string]>;
  histogram?: [number, Histogram];
  histograms?: Array<[number, Histogram]>;
}

interface Histogram {
  count: string;
  buckets?: Array<[number, string, string, string]>;
}

async function get<T>(path: string, parameters: Record<string, string>): Promise<T> {
  const response = await fetch(`/prometheus${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const answer = await response.json();
  if (answer.status !== 'success') {
    throw new Error(answer.error);
  }
  return answer.data;
}

export async function query(expr: string, at: number): Promise<Series[]> {
  const { result } = await get<{ result: Series[] }>('/api/v1/query', { query: expr, time: String(at) });
  return result;
}

export async function queryRange(expr: string, range: TimeRange, step: number): Promise<Series[]> {
  const start = Math.floor(range.from.unix() / step) * step;
  const parameters = { query: expr, start: String(start), end: String(range.to.unix()), step: String(step) };
  const { result } = await get<{ result: Series[] }>('/api/v1/query_range', parameters);
  return result;
}

export async function labelValues(selector: string, label: string, range: TimeRange): Promise<string[]> {
  const parameters = new URLSearchParams({
    'match[]': selector,
    start: String(range.from.unix()),
    end: String(range.to.unix()),
  });
  const response = await fetch(`/prometheus/api/v1/label/${label}/values?${parameters}`);
  return (await response.json()).data;
}

const labelsInLegend = /\{\{\s*(.+?)\s*\}\}/g;

function nameOf(metric: Labels, target: Target): string {
  if (target.legendFormat) {
    return target.legendFormat.replace(labelsInLegend, (_, label) => metric[label] ?? '');
  }
  const { __name__: name = '', ...labels } = metric;
  const text = Object.entries(labels).map(([l, v]) => `${l}="${v}"`);
  return text.length > 0 ? `${name}{${text.join(', ')}}` : name || target.expr;
}

const number = (text: string) => (text === 'NaN' ? NaN : text.endsWith('Inf') ? Number(text.replace('Inf', 'Infinity')) : Number(text));

// seriesFrames are one frame a series, missing samples of a range as nulls.
export function seriesFrames(series: Series[], target: Target, range: TimeRange, step: number): DataFrame[] {
  return series.map(({ metric, value, values }) => {
    const times: number[] = [];
    const numbers: Array<number | null> = [];
    if (value) {
      times.push(value[0] * 1000);
      numbers.push(number(value[1]));
    } else {
      const had = new Map((values ?? []).map(([t, v]) => [t, number(v)]));
      for (let t = Math.floor(range.from.unix() / step) * step; t <= range.to.unix(); t += step) {
        times.push(t * 1000);
        numbers.push(had.get(t) ?? null);
      }
    }
    const name = nameOf(metric, target);
    return {
      refId: target.refId,
      name,
      length: times.length,
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: times },
        { name: 'Value', type: FieldType.number, config: { displayNameFromDS: name }, labels: metric, values: numbers },
      ],
    };
  });
}

// tableFrame is one frame of all series, a column a label.
export function tableFrame(series: Series[], target: Target, several: boolean): DataFrame {
  const names = [...new Set(series.flatMap((s) => Object.keys(s.metric)))].sort();
  const fields: Field[] = [
    { name: 'Time', type: FieldType.time, config: {}, values: series.map((s) => s.value![0] * 1000) },
    ...names.map((name) => ({
      name,
      type: FieldType.string,
      config: { filterable: true },
      values: series.map((s) => s.metric[name] ?? ''),
    })),
    {
      name: several ? `Value #${target.refId}` : 'Value',
      type: FieldType.number,
      config: {},
      values: series.map((s) => number(s.value![1])),
    },
  ];
  return { refId: target.refId, length: series.length, fields: series.length > 0 ? fields : [] };
}
