package watch

import (
	"fmt"
	"slices"
	"testing"
)

func TestEachAccountHasOneOwner(t *testing.T) {
	for total := range 51 {
		owned := make([]int, max(total, 1))
		for account := range 1000 {
			name := fmt.Sprintf("team-%d", account)
			owners := 0
			for i := range owned {
				if (Shard{Index: i, Total: total}).Owns(name) {
					owners++
					owned[i]++
				}
			}
			if owners != 1 {
				t.Fatalf("%s has %d owners among %d shards", name, owners, total)
			}
		}
		// Of a thousand accounts a shard's share is 1000/n, give or take.
		share := 1000 / len(owned)
		if least, most := slices.Min(owned), slices.Max(owned); least < share/3 || most > share*3 {
			t.Errorf("%d shards own %d to %d accounts, want about %d each", total, least, most, share)
		}
	}
}

func TestAddingAShardMovesOnlyWhatBecomesItsOwn(t *testing.T) {
	const accounts = 10_000
	owner := func(name string, total int) int {
		for i := range total {
			if (Shard{Index: i, Total: total}).Owns(name) {
				return i
			}
		}
		return -1
	}
	for total := 1; total < 20; total++ {
		moved := 0
		for i := range accounts {
			name := fmt.Sprintf("account_%d.eu", i)
			before, after := owner(name, total), owner(name, total+1)
			if before == after {
				continue
			}
			moved++
			if after != total {
				t.Fatalf("%s went from shard %d to %d of %d", name, before, after, total+1)
			}
		}
		if want := accounts / (total + 1); moved < want*8/10 || moved > want*12/10 {
			t.Errorf("adding a shard to %d moved %d accounts of %d, want about %d", total, moved, accounts, want)
		}
	}
}

// The owners of these accounts must not change between versions.
func TestOwnersStay(t *testing.T) {
	for name, want := range map[string]int{"team-a": 1, "team-b": 2, "default": 0, "growth.eu-1": 1} {
		for i := range 3 {
			if got := (Shard{Index: i, Total: 3}).Owns(name); got != (i == want) {
				t.Errorf("shard %d of 3 owns %s: %v", i, name, got)
			}
		}
	}
}

func TestTwoAccountsOfOneNameAreRefusedByEveryShard(t *testing.T) {
	for i := range 2 {
		if _, err := New([]AccountConfig{testConfig(), testConfig()}, Options{Shard: Shard{Index: i, Total: 2}}); err == nil {
			t.Errorf("shard %d takes both", i)
		}
	}
}
