package watch

import (
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// A Shard is one of several processes that share the accounts. The zero value
// is the only one.
type Shard struct {
	Index int // from 0
	Total int
}

// Owns reports whether an account is this shard's. Each account has one owner;
// when a shard is added, only the accounts that become its own change hands.
//
// This is rendezvous hashing: an account belongs to the shard with which its name
// has the highest hash.
func (s Shard) Owns(account string) bool {
	own := hash(account, s.Index)
	for i := range s.Total {
		if h := hash(account, i); h > own || h == own && i < s.Index {
			return false
		}
	}
	return true
}

// hash is how well an account fits a shard.
func hash(account string, index int) uint64 {
	return xxhash.Sum64String(account + "/" + strconv.Itoa(index))
}
