// Panels drawn with the components that Grafana's own panels are made of. What
// is not published, the panels' few lines around them, is done here the same way.
import {
  type DataFrame,
  type FieldConfigSource,
  type FieldDisplay,
  FieldType,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  type GrafanaTheme2,
  type InterpolateFunction,
  type TimeRange,
  VizOrientation,
} from '@grafana/data';
import { BarGaugeNamePlacement, BarGaugeValueMode, LegendDisplayMode } from '@grafana/schema';
import { BarGauge, BigValue, TimeSeries, type UPlotConfigBuilder, VizRepeater, type VizRepeaterRenderValueProps } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { useLayoutEffect } from 'react';
import type { Annotation } from './annotations';
import { Heatmap, StateTimeline } from './plain';
import type { Series } from './prometheus';

export interface Drawing {
  type: string;
  options: any;
  fieldConfig: FieldConfigSource;
  frames: DataFrame[];
  series: Series[]; // of the first query, for the heatmap
  step: number;
  width: number;
  height: number;
  theme: GrafanaTheme2;
  range: TimeRange;
  annotations: Annotation[];
  replaceVariables: InterpolateFunction;
}

export function Drawn(d: Drawing) {
  const empty = d.frames.every((frame) => frame.length === 0 || frame.fields.length === 0);
  switch (d.type) {
    case 'stat':
      return <Stat {...d} />;
    case 'bargauge':
      return <BarGauges {...d} />;
  }
  if (empty && d.series.length === 0) {
    return <Nothing {...d} />;
  }
  switch (d.type) {
    case 'timeseries':
      return <Lines {...d} />;
    case 'table':
      return <Table {...d} />;
    case 'state-timeline':
      return <StateTimeline {...d} />;
    case 'heatmap':
      return <Heatmap {...d} />;
  }
  throw new Error(`panels of the type ${d.type} cannot be drawn here`);
}

// Grafana writes the noValue of the panel in its middle.
function Nothing({ fieldConfig, height, theme }: Drawing) {
  return (
    <div data-empty style={{ height, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary }}>
      {fieldConfig.defaults.noValue ?? 'No data'}
    </div>
  );
}

const displayValues = (d: Drawing) =>
  getFieldDisplayValues({
    fieldConfig: d.fieldConfig,
    reduceOptions: d.options.reduceOptions,
    replaceVariables: d.replaceVariables,
    theme: d.theme,
    data: d.frames,
    sparkline: d.options.graphMode && d.options.graphMode !== 'none',
  });

type Value = VizRepeaterRenderValueProps<FieldDisplay, any>;

function Stat(d: Drawing) {
  const { options, theme, width, height } = d;
  return (
    <VizRepeater<FieldDisplay, any>
      getValues={() => displayValues(d)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, alignmentFactors, count, width, height }: Value) => (
        <BigValue
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
          alignmentFactors={alignmentFactors}
          disableWideLayout={!options.wideLayout}
          {...{ width, height, theme }}
        />
      )}
      width={width}
      height={height}
      source={d.frames}
      itemSpacing={3}
      renderCounter={0}
      autoGrid
      orientation={options.orientation}
    />
  );
}

function BarGauges(d: Drawing) {
  const { options, theme, width, height } = d;
  return (
    <VizRepeater<FieldDisplay, any>
      getValues={() => displayValues(d)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, alignmentFactors, orientation, count, width, height }: Value) => (
        <BarGauge
          value={count === 1 && !d.fieldConfig.defaults.displayName ? { ...value.display, title: undefined } : value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          displayMode={options.displayMode}
          valueDisplayMode={options.valueMode ?? BarGaugeValueMode.Color}
          namePlacement={options.namePlacement ?? BarGaugeNamePlacement.Auto}
          showUnfilled={options.showUnfilled}
          itemSpacing={8}
          {...{ orientation, alignmentFactors, width, height, theme }}
        />
      )}
      width={width}
      height={height}
      source={d.frames}
      itemSpacing={10}
      renderCounter={0}
      minVizWidth={options.minVizWidth ?? 8}
      minVizHeight={options.minVizHeight ?? 16}
      maxVizHeight={options.maxVizHeight ?? 300}
      orientation={options.orientation ?? VizOrientation.Auto}
    />
  );
}

function Table({ frames, options, fieldConfig, width, height }: Drawing) {
  return (
    <TableNG
      data={frames[0]}
      width={width}
      height={height}
      noHeader={!options.showHeader}
      cellHeight={options.cellHeight}
      sortBy={options.sortBy}
      fieldConfig={fieldConfig}
      noValue={fieldConfig.defaults.noValue}
      enableVirtualization={false}
      enablePagination={options.footer?.enablePagination ?? options.enablePagination}
      showTypeIcons={false}
    />
  );
}

function Lines({ frames, options, width, height, range, annotations }: Drawing) {
  // What is no number is a gap, as in Grafana.
  const drawn = frames.map((f) => ({
    ...f,
    fields: f.fields.map((field) =>
      field.type === FieldType.number ? { ...field, values: field.values.map((v) => (Number.isFinite(v) ? v : null)) } : field,
    ),
  }));
  const legend = { ...options.legend, displayMode: options.legend.displayMode ?? LegendDisplayMode.List };
  return (
    <TimeSeries frames={drawn} width={width} height={height} timeRange={range} timeZone="browser" legend={legend} options={options}>
      {(builder: UPlotConfigBuilder) => <Marks builder={builder} annotations={annotations} />}
    </TimeSeries>
  );
}

// Marks draws annotations: a dashed line at each time, as Grafana's plugin does.
function Marks({ builder, annotations }: { builder: UPlotConfigBuilder; annotations: Annotation[] }) {
  useLayoutEffect(() => {
    builder.addHook('draw', (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      for (const { time, colour } of annotations) {
        const x = Math.round(u.valToPos(time, 'x', true));
        if (x < bbox.left || x > bbox.left + bbox.width) {
          continue;
        }
        ctx.strokeStyle = ctx.fillStyle = colour;
        ctx.lineWidth = 2;
        ctx.setLineDash([5, 5]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x - 5, bbox.top + bbox.height + 8);
        ctx.lineTo(x + 5, bbox.top + bbox.height + 8);
        ctx.fill();
      }
      ctx.restore();
    });
  }, [builder, annotations]);
  return null;
}

