// The times that a dashboard's annotations mark.
import type { GrafanaTheme2, TimeRange } from '@grafana/data';
import { queryRange } from './prometheus';
import type { Variables } from './variables';

export interface AnnotationQuery {
  name: string;
  enable: boolean;
  iconColor: string;
  target?: { expr: string; step?: string };
  expr?: string;
  step?: string;
}

export interface Annotation {
  time: number;
  colour: string;
}

// Grafana marks the beginning of each run of samples that are not zero.
export async function annotationsOf(queries: AnnotationQuery[], variables: Variables, range: TimeRange, theme: GrafanaTheme2) {
  const all: Annotation[] = [];
  for (const q of queries) {
    const expr = q.target?.expr ?? q.expr;
    if (!expr || !q.enable) {
      continue;
    }
    const step = Math.max(parseInt(q.step ?? '60', 10) || 60, Math.ceil((range.to.unix() - range.from.unix()) / 1000));
    for (const { values = [] } of await queryRange(variables.inQuery(expr), range, step)) {
      let last = -Infinity;
      for (const [time, value] of values) {
        if (value !== '0' && time - last > step) {
          all.push({ time: time * 1000, colour: theme.visualization.getColorByName(q.iconColor) });
        }
        if (value !== '0') {
          last = time;
        }
      }
    }
  }
  return all;
}
