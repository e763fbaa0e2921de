package collector

import (
	"fmt"
	"testing"
	"testing/synctest"

	"geelark_exporter/collector/watch"
)

func TestAShardWatchesItsAccountsAndTellsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var configs []watch.AccountConfig
		for i := range 20 {
			c := testConfig()
			c.Name = fmt.Sprintf("team-%d", i)
			configs = append(configs, c)
		}
		seen := make(map[string]int)
		for i := range 3 {
			shard := watch.Shard{Index: i, Total: 3}
			b := newBench(t, answering(`{"code":40015}`), func(o *options) { o.Shard = shard }, configs...)
			s := b.exposed()
			s.want(t, fmt.Sprintf(`geelark_shard_info{shard="%d",total_shards="3"}`, i), 1)
			s.want(t, "geelark_accounts_configured{}", 20)
			s.want(t, "geelark_accounts_owned{}", float64(len(b.Fleet().Accounts)))
			if got := len(s.having("geelark_up")); got != len(b.Fleet().Accounts) {
				t.Errorf("shard %d exposes %d accounts and owns %d", i, got, len(b.Fleet().Accounts))
			}
			for _, a := range b.Fleet().Accounts {
				seen[a.Name()]++
			}
			b.Close()
		}
		for _, c := range configs {
			if seen[c.Name] != 1 {
				t.Errorf("%s is watched by %d shards", c.Name, seen[c.Name])
			}
		}
	})
}
