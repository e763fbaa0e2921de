// The shipped dashboards as Grafana's published types have them.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, Panel, RowPanel } from '@grafana/schema';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Of<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig'> & {
  type: Type;
  options: Options;
  fieldConfig: { defaults: Omit<FieldConfig, 'custom'> & { custom?: Partial<Custom> }; overrides: unknown[] };
};

type Shown =
  | Of<'stat', Stat.Options, {}>
  | Of<'bargauge', BarGauge.Options, {}>
  | Of<'table', Table.Options, Table.FieldConfig>
  | Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Of<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>
  | Of<'heatmap', Heatmap.Options, Heatmap.FieldConfig>;

// What the Prometheus data source adds to an annotation is in no published type.
type Annotation = AnnotationQuery<DataQuery & { expr: string; interval: string; range: boolean; instant: boolean }> & {
  titleFormat: string;
  textFormat: string;
  useValueForTime?: boolean;
};

type Model = Omit<Dashboard, 'panels' | 'annotations'> & { panels: Array<RowPanel | Shown>; annotations: { list: Annotation[] } };

// JSON has the values of enumerations, not their members.
type Plain<T> = T extends string ? `${T}` : T extends number | boolean ? T : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

export type Shipped = Plain<Model>;
