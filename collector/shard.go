package collector

import (
	"strconv"

	"geelark_exporter/collector/exposition"
)

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

func collectShard(to *exposition.Samples, v view) {
	s := v.watcher.Shard()
	to.Gauge(shardInfoFamily.paged, 1, strconv.Itoa(s.Index), strconv.Itoa(max(s.Total, 1)))
	to.Gauge(accountsConfiguredFamily.paged, float64(v.fleet.Configured))
	to.Gauge(accountsOwnedFamily.paged, float64(len(v.fleet.Accounts)))
}
