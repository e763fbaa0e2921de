// The shipped rules and dashboards for those who deploy by jsonnet. They are the
// files of deploy/prometheus/rules and dashboards/json: there is no other source.
// This needs a jsonnet with std.parseYaml, such as go-jsonnet, and the whole
// repository: it imports from beside its own folder.
//
//   local geelark = (import 'geelark_exporter/deploy/mixin/mixin.libsonnet') + {
//     _config+:: { runbookURL: 'https://wiki.example.org/geelark', thresholds+: { credit: 50 } },
//   };
//   { 'geelark.yml': std.manifestYamlDoc(geelark.prometheusAlerts) }
local ruleFiles = [
  importstr '../prometheus/rules/billing.yml',
  importstr '../prometheus/rules/fleet.yml',
  importstr '../prometheus/rules/tasks.yml',
];

// How the alert about exporters that are down knows their targets.
local shippedJobs = 'job=~"(.+[-_/])?geelark.*"';

local publishedRunbook = 'https://example.com/geelark_exporter/runbook.md';

// A line of an expression that ends with a comment compares with a number, or with
// a pattern in quotes, that has the name in the comment.
local nameIn(line) = local parts = std.split(line, ' # '); if std.length(parts) == 2 then parts[1] else null;
local names(rule) = std.filter(function(name) name != null, [nameIn(line) for line in std.split(rule.expr, '\n')]);

// Whether it is a pattern.
local isPattern(line) = std.endsWith(std.split(line, ' # ')[0], '"}');

local join = std.join;
local allButLast(list) = list[:std.length(list) - 1];

local replaced(line, value) =
  local compared = std.split(line, ' # ')[0];
  local comment = ' # ' + nameIn(line);
  assert isPattern(line) || std.isNumber(value) : 'thresholds: %s is a number' % nameIn(line);
  assert !isPattern(line) || std.isString(value) : 'thresholds: %s is a pattern' % nameIn(line);
  if isPattern(line) then
    local parts = std.split(compared, '"');  // before, the pattern, what closes the selector
    local escaped = std.strReplace(std.strReplace(value, '\\', '\\\\'), '"', '\\"');
    join('"', parts[:std.length(parts) - 2] + [escaped] + parts[std.length(parts) - 1:]) + comment
  else
    join(' ', allButLast(std.split(compared, ' ')) + [std.toString(value)]) + comment;

local withThresholds(rule, thresholds) = rule {
  expr: join('\n', [
    local name = nameIn(line);
    if name != null && std.objectHas(thresholds, name) then replaced(line, thresholds[name]) else line
    for line in std.split(rule.expr, '\n')
  ]),
};

{
  _config+:: {
    // Where the runbook is published; the name of an alert is a heading there.
    runbookURL: publishedRunbook,
    // Selects the targets of exporters, such as 'job="phones", cluster="eu"'.
    jobSelector: shippedJobs,
    // Other numbers and patterns by their names in the rules.
    thresholds: {},
    disabledAlerts: [],
  },

  // Rules that record stand among the alerts that need them, in their order: to
  // split them would evaluate alerts before what they compare with.
  prometheusAlerts+:: {
    local config = $._config,
    local shipped = std.flatMap(function(file) std.parseYaml(file).groups, ruleFiles),
    local rules = std.flatMap(function(group) group.rules, shipped),
    local alerts = [rule.alert for rule in rules if std.objectHas(rule, 'alert')],
    local thresholds = std.flatMap(names, rules),

    assert std.all([
      std.member(alerts, name) || error 'disabledAlerts: there is no alert %s' % name
      for name in config.disabledAlerts
    ]),
    assert std.all([
      std.member(thresholds, name) || error 'thresholds: there is no threshold %s' % name
      for name in std.objectFields(config.thresholds)
    ]),

    groups+: [
      group {
        rules: [
          withThresholds(rule { expr: std.strReplace(super.expr, shippedJobs, config.jobSelector) }, config.thresholds) + (
            if std.objectHas(rule, 'alert') then {
              annotations+: { runbook_url: std.strReplace(super.runbook_url, publishedRunbook, config.runbookURL) },
            } else {}
          )
          for rule in group.rules
          if !(std.objectHas(rule, 'alert') && std.member(config.disabledAlerts, rule.alert))
        ],
      }
      for group in shipped
    ],
  },

  grafanaDashboards+:: {
    'account.json': import '../../dashboards/json/account.json',
    'api.json': import '../../dashboards/json/api.json',
    'cost.json': import '../../dashboards/json/cost.json',
    'fleet.json': import '../../dashboards/json/fleet.json',
  },
}
