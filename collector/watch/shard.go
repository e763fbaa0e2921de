package watch

import (
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
