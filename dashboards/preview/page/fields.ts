// The properties of a field that a dashboard may set, as Grafana's panels
// register them: applyFieldOverrides knows none by itself.
import {
  booleanOverrideProcessor,
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  identityOverrideProcessor,
  numberOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  type TransformerRegistryItem,
  valueMappingsOverrideProcessor,
} from '@grafana/data';

const standard: Record<string, FieldConfigPropertyItem['process']> = {
  unit: stringOverrideProcessor,
  min: numberOverrideProcessor,
  max: numberOverrideProcessor,
  decimals: numberOverrideProcessor,
  displayName: displayNameOverrideProcessor,
  noValue: stringOverrideProcessor,
  color: identityOverrideProcessor,
  thresholds: thresholdsOverrideProcessor,
  mappings: valueMappingsOverrideProcessor,
  links: dataLinksOverrideProcessor,
  filterable: booleanOverrideProcessor,
};

const item = (id: string, path: string, process: FieldConfigPropertyItem['process'], isCustom: boolean) =>
  ({ id, path, name: id, process, isCustom, shouldApply: () => true }) as unknown as FieldConfigPropertyItem;

const standardItems = () => Object.entries(standard).map(([id, process]) => item(id, id, process, false));

// registryFor has the standard properties and those of the panel's own that
// its configuration names.
export function registryFor(config: FieldConfigSource): FieldConfigOptionsRegistry {
  const own = new Set(Object.keys(config.defaults.custom ?? {}));
  for (const { properties } of config.overrides) {
    for (const { id } of properties) {
      if (id.startsWith('custom.')) {
        own.add(id.slice('custom.'.length));
      }
    }
  }
  return new FieldConfigOptionsRegistry(() => [
    ...standardItems(),
    ...[...own].map((path) => item('custom.' + path, path, identityOverrideProcessor, true)),
  ]);
}

export function registerStandards() {
  standardFieldConfigEditorRegistry.setInit(standardItems);
  standardTransformersRegistry.setInit(() =>
    // Some stand there under two names.
    [...new Map(Object.values(standardTransformers).map((t) => [t.id, t])).values()].map(
      (t) => ({ id: t.id, name: t.name, transformation: () => Promise.resolve(t) }) as unknown as TransformerRegistryItem,
    ),
  );
}
