package collector

import "strconv"

var (
	shardInfoFamily = newFamily("geelark_shard_info",
		"Which shard of how many this exporter is, always 1.",
		"shard", "total_shards")
	accountsConfiguredFamily = newFamily("geelark_accounts_configured",
		"Accounts in the configuration, of all shards.")
	accountsOwnedFamily = newFamily("geelark_accounts_owned",
		"Accounts that this exporter watches.")
)

var shardFamilies = []*family{shardInfoFamily, accountsConfiguredFamily, accountsOwnedFamily}

func collectShard(e *emitter, v view) {
	s := v.watcher.Shard()
	e.gauge(shardInfoFamily, 1, strconv.Itoa(s.Index), strconv.Itoa(max(s.Total, 1)))
	e.gauge(accountsConfiguredFamily, float64(v.fleet.Configured))
	e.gauge(accountsOwnedFamily, float64(len(v.fleet.Accounts)))
}
