package collector

import (
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-jump"
)

// A Shard is one of several processes that share the accounts. The zero value
// is the only one.
type Shard struct {
	Index int // from 0
	Total int
}

// Owns reports whether an account is this shard's. Each account has one owner;
// when a shard is added, only the accounts that become its own change hands.
func (s Shard) Owns(account string) bool {
	return s.Total <= 1 || int(jump.Hash(xxhash.Sum64String(account), s.Total)) == s.Index
}

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
	s := v.o.Shard
	e.gauge(shardInfoFamily, 1, strconv.Itoa(s.Index), strconv.Itoa(max(s.Total, 1)))
	e.gauge(accountsConfiguredFamily, float64(v.fleet.configured))
	e.gauge(accountsOwnedFamily, float64(len(v.fleet.accounts)))
}
