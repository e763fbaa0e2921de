// The times that a dashboard's annotations mark.
import type { GrafanaTheme2, TimeRange } from '@grafana/data';
import { queryRange } from './prometheus';
import type { Variables } from './variables';

export interface AnnotationQuery {
  name: string;
  enable: boolean;
  iconColor: string;
  target: { expr: string; interval: string };
  useValueForTime?: boolean; // the values are times in milliseconds
}

export interface Annotation {
  time: number;
  colour: string;
}

// Grafana marks each run of samples that are not zero; here only its beginning.
export async function annotationsOf(queries: AnnotationQuery[], variables: Variables, range: TimeRange, theme: GrafanaTheme2) {
  const all: Annotation[] = [];
  for (const q of queries.filter((q) => q.enable)) {
    const step = Math.max(parseInt(q.target.interval, 10), Math.ceil((range.to.unix() - range.from.unix()) / 1000));
    for (const { values = [] } of await queryRange(variables.inQuery(q.target.expr), range, step)) {
      const set = values.filter(([, value]) => Number(value) > 0);
      const times = q.useValueForTime
        ? new Set(set.map(([, value]) => Number(value)))
        : set.filter(([time], i) => time - (set[i - 1]?.[0] ?? -Infinity) > step).map(([time]) => time * 1000);
      for (const time of times) {
        all.push({ time, colour: theme.visualization.getColorByName(q.iconColor) });
      }
    }
  }
  return all;
}
