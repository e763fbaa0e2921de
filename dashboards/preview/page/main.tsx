// The page that shows one dashboard: ?dashboard=fleet&theme=light&from=now-1h
// and var-NAME for its variables.
import '@grafana/react-data-grid/lib/styles.css';
import 'uplot/dist/uPlot.min.css';
import { applyFieldOverrides, cacheFieldDisplayNames, createTheme, type DataFrame, type GrafanaTheme2, rangeUtil, ThemeContext, transformDataFrame } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { firstValueFrom } from 'rxjs';
import { type Annotation, type AnnotationQuery, annotationsOf } from './annotations';
import { registerStandards, registryFor } from './fields';
import { Drawn } from './panels';
import { query, queryRange, type Series, seriesFrames, tableFrame, type Target } from './prometheus';
import { timeRange, type Variable, Variables } from './variables';

// Grafana's grid: 24 columns, rows of 30 pixels, 8 pixels between panels.
const cell = { columns: 24, height: 30, margin: 8 };

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  transformations?: any[];
  fieldConfig: any;
  options: any;
  maxDataPoints?: number;
}

interface Dashboard {
  title: string;
  time: { from: string; to: string };
  templating: { list: Variable[] };
  annotations: { list: AnnotationQuery[] };
  panels: Panel[];
}

interface Shown {
  panel: Panel;
  frames: DataFrame[];
  series: Series[];
  step: number;
  error?: string;
}

async function ask(panel: Panel, variables: Variables, width: number, theme: GrafanaTheme2): Promise<Shown> {
  const step = Math.max(rangeUtil.calculateInterval(variables.range, panel.maxDataPoints ?? width, '15s').intervalMs / 1000, 15);
  const targets = panel.targets ?? [];
  const shown: Shown = { panel, frames: [], series: [], step };
  if (panel.type === 'row') {
    return shown;
  }
  try {
    for (const target of targets) {
      const expr = variables.inQuery(target.expr, step);
      const series = target.instant ? await query(expr, variables.range.to.unix()) : await queryRange(expr, variables.range, step);
      if (target === targets[0]) {
        shown.series = series;
      }
      if (target.format === 'table') {
        shown.frames.push(tableFrame(series, target, targets.length > 1));
      } else {
        shown.frames.push(...seriesFrames(series, { ...target, legendFormat: variables.inText(target.legendFormat ?? '') }, variables.range, step));
      }
    }
    const transformed = await firstValueFrom(transformDataFrame(panel.transformations ?? [], shown.frames));
    shown.frames = applyFieldOverrides({
      data: transformed,
      fieldConfig: panel.fieldConfig,
      fieldConfigRegistry: registryFor(panel.fieldConfig),
      replaceVariables: variables.inText,
      theme,
      timeZone: 'browser',
    });
    cacheFieldDisplayNames(shown.frames);
  } catch (e) {
    shown.error = String(e);
  }
  return shown;
}

function Page({ dashboard, variables, shown, annotations, theme, width }: {
  dashboard: Dashboard;
  variables: Variables;
  shown: Shown[];
  annotations: Annotation[];
  theme: GrafanaTheme2;
  width: number;
}) {
  const column = (width + cell.margin) / cell.columns;
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: g }) => g.y + g.h));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ padding: 16, background: theme.colors.background.canvas, color: theme.colors.text.primary, width: width + 32 }}>
        <h3>{dashboard.title}</h3>
        <div style={{ display: 'flex', flexWrap: 'wrap', gap: 12, fontSize: 12, marginBottom: 12 }}>
          {variables.shown().map(([name, value]) => (
            <span key={name} style={{ border: `1px solid ${theme.colors.border.medium}`, padding: '2px 8px' }}>
              {dashboard.templating.list.find((v) => v.name === name)?.label ?? name}: {value}
            </span>
          ))}
        </div>
        <div style={{ position: 'relative', height: bottom * (cell.height + cell.margin) }}>
          {shown.map(({ panel, frames, series, step, error }) => {
            const { x, y, w, h } = panel.gridPos;
            const box = {
              left: x * column,
              top: y * (cell.height + cell.margin),
              width: w * column - cell.margin,
              height: h * (cell.height + cell.margin) - cell.margin,
            };
            return (
              <div key={panel.id} data-panel={panel.title} data-error={error} style={{ position: 'absolute', ...box }}>
                {panel.type === 'row' ? (
                  <h5 style={{ lineHeight: `${box.height}px` }}>{panel.title}</h5>
                ) : (
                  <PanelChrome
                    title={variables.inText(panel.title)}
                    description={panel.description}
                    width={box.width}
                    height={box.height}
                    statusMessage={error}
                    padding={panel.type === 'table' ? 'none' : 'md'}
                  >
                    {(width, height) =>
                      error ? (
                        <pre>{error}</pre>
                      ) : (
                        <Drawn
                          type={panel.type}
                          options={panel.options}
                          fieldConfig={panel.fieldConfig}
                          range={variables.range}
                          replaceVariables={variables.inText}
                          {...{ frames, series, step, width, height, theme, annotations }}
                        />
                      )
                    }
                  </PanelChrome>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </ThemeContext.Provider>
  );
}

async function main() {
  const asked = new URLSearchParams(location.search);
  registerStandards();
  const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
  const dashboard: Dashboard = await (await fetch(`/dashboards/${asked.get('dashboard')}.json`)).json();
  const variables = new Variables(timeRange(asked.get('from') ?? dashboard.time.from, asked.get('to') ?? dashboard.time.to));
  await variables.load(dashboard.templating.list, asked);
  const width = Math.min(innerWidth, 1600) - 32;
  const shown = await Promise.all(dashboard.panels.map((p) => ask(p, variables, (width * p.gridPos.w) / cell.columns, theme)));
  const annotations = await annotationsOf(dashboard.annotations.list, variables, variables.range, theme);
  document.body.style.background = theme.colors.background.canvas;
  createRoot(document.getElementById('root')!).render(<Page {...{ dashboard, variables, shown, annotations, theme, width }} />);
}

main()
  .catch((e) => {
    document.body.append(String(e));
    Object.assign(document.body.dataset, { panel: 'the whole', error: String(e) });
  })
  .finally(() => setTimeout(() => (document.documentElement.dataset.drawn = 'true'), 1500));
