// What a dashboard's variables stand for, put into texts as Grafana does.
import { dateTime, escapeRegex, rangeUtil, type TimeRange } from '@grafana/data';
import { labelValues, query } from './prometheus';

export interface Variable {
  name: string;
  label?: string;
  type: string;
  query: string | { query: string };
  regex?: string;
  allValue?: string;
  multi?: boolean;
  includeAll?: boolean;
  current?: { text?: string | string[]; value?: string | string[] };
}

interface Value {
  values: string[];
  all?: string; // stands for every value
  several: boolean; // is put into a matcher as a group
  text: string;
}

export class Variables {
  private known = new Map<string, Value>();

  constructor(readonly range: TimeRange) {}

  // load asks for the options of the variables, in their order; given are the
  // choices that a reader made.
  async load(variables: Variable[], given: URLSearchParams) {
    for (const v of variables) {
      const chosen = given.getAll('var-' + v.name);
      const begins = [v.current?.value ?? ''].flat();
      let values = chosen.length > 0 ? chosen : begins;
      let all: string | undefined;
      if (v.type === 'query' && values[0] === '$__all') {
        values = await this.options(v);
        all = v.allValue || undefined;
      }
      const text = chosen.length > 0 ? chosen : [v.current?.text ?? ''].flat();
      this.known.set(v.name, { values, all, several: Boolean(v.multi || v.includeAll), text: text.join(', ') });
    }
  }

  private async options(v: Variable): Promise<string[]> {
    const asked = this.inQuery(typeof v.query === 'string' ? v.query : v.query.query);
    const labels = asked.match(/^label_values\((.+), (\w+)\)$/);
    if (labels) {
      return labelValues(labels[1], labels[2], this.range);
    }
    const result = asked.match(/^query_result\((.+)\)$/);
    if (!result) {
      throw new Error(`variable ${v.name}: no query of Prometheus: ${asked}`);
    }
    const pattern = new RegExp(v.regex!.replace(/^\/|\/g?$/g, ''), 'g');
    const found = await query(result[1], this.range.to.unix());
    return found.map(({ metric }) => {
      const text = `{${Object.entries(metric).map(([name, value]) => `${name}="${value}"`).join(',')}}`;
      return [...text.matchAll(pattern)].map((m) => m.groups?.value ?? '').join('');
    });
  }

  // inQuery replaces variables as the Prometheus data source does.
  inQuery(text: string, interval = 15): string {
    return this.replace(text, (name) => {
      switch (name) {
        case '__rate_interval':
          return `${Math.max(interval + 15, 60)}s`;
        case '__interval':
          return `${interval}s`;
        case '__range':
          return `${Math.round(this.range.to.diff(this.range.from) / 1000)}s`;
        case '__range_s':
          return `${Math.round(this.range.to.diff(this.range.from) / 1000)}`;
      }
      const v = this.known.get(name);
      if (!v) {
        return undefined;
      }
      if (v.all !== undefined) {
        return v.all;
      }
      if (!v.several) {
        return v.values[0];
      }
      const escaped = v.values.map((value) => escapeRegex(value).replace(/\\/g, '\\\\').replace(/"/g, '\\"'));
      return escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
    });
  }

  // inText replaces variables in titles and addresses.
  inText = (text: string): string => this.replace(text, (name) => this.known.get(name)?.values.join(' + '));

  private replace(text: string, value: (name: string) => string | undefined): string {
    return text.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (all, braced, bare) => value(braced ?? bare) ?? all);
  }

  // shown lists the variables for the dashboard's head.
  shown(): Array<[string, string]> {
    return [...this.known].map(([name, v]) => [name, v.text]);
  }
}

export function timeRange(from: string, to: string): TimeRange {
  const now = dateTime();
  return rangeUtil.convertRawToRange({ from: from || 'now-6h', to: to || now.toISOString() });
}
