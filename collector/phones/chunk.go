package phones

import (
	"iter"
	"slices"
	"sync/atomic"
	"time"
	"unique"
)

// The most phones of a chunk: few enough that one changed phone takes few others
// along, enough for good compression. Conditions change several times a day,
// descriptions seldom. The larger is a multiple of the smaller.
const (
	conditionsSize   = 64
	descriptionsSize = 128
)

// Chunks divides phones, whose ids are in order, into chunks of one thing about
// each. Chunks of before that have the same are used again.
func Chunks[T comparable](before []*Chunk[T], ids []string, of func(id string) T) []*Chunk[T] {
	var chunks []*Chunk[T]
	for ids := range slices.Chunk(ids, descriptionsSize) {
		c := &Chunk[T]{ids: ids}
		for _, id := range ids {
			c.values = append(c.values, of(id))
		}
		if i := len(chunks); i < len(before) && slices.Equal(before[i].ids, c.ids) && slices.Equal(before[i].values, c.values) {
			c = before[i]
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// A Chunk is one thing about each of a few phones. It never changes; where the
// thing or the phones do, later snapshots have another chunk.
type Chunk[T any] struct {
	ids    []string
	values []T
	memo   atomic.Pointer[memo]
}

// Conditions are a chunk of what is known of phones' statuses.
type Conditions = Chunk[unique.Handle[Condition]]

// Descriptions are a chunk of what is known of phones beside their statuses, nil
// where that is nothing.
type Descriptions = Chunk[*Description]

// All returns the phones' ids, and what the chunk has of each.
func (c *Chunk[T]) All() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for i, id := range c.ids {
			if !yield(id, c.values[i]) {
				return
			}
		}
	}
}

// A memo is what was made of a chunk, and what else it depends on.
type memo struct{ of, made any }

// Made returns what was made of the chunk and kept, nil when that depends on
// something else, or is not there.
func (c *Chunk[T]) Made(of any) any {
	if m := c.memo.Load(); m != nil && m.of == of {
		return m.made
	}
	return nil
}

// Keep keeps what was made of the chunk, and what else that depends on.
func (c *Chunk[T]) Keep(of, made any) { c.memo.Store(&memo{of, made}) }

// A column makes the chunks of one thing about each phone.
type column[T any] struct {
	size   int // of a chunk
	of     func(*row) T
	chunks []*Chunk[T] // nil ones have to be made anew
}

// change is called when what is at a place is not what it was.
func (c *column[T]) change(place int) {
	if i := place / c.size; i < len(c.chunks) {
		c.chunks[i] = nil
	}
}

// take returns the chunks of all rows. Those that are new get their ids from ids.
func (c *column[T]) take(rows []*row, ids func(from, to int) []string) []*Chunk[T] {
	n := (len(rows) + c.size - 1) / c.size
	c.chunks = append(c.chunks, make([]*Chunk[T], max(0, n-len(c.chunks)))...)
	c.chunks = slices.Delete(c.chunks, n, len(c.chunks))
	for i := range c.chunks {
		if c.chunks[i] != nil {
			continue
		}
		from, to := i*c.size, min((i+1)*c.size, len(rows))
		c.chunks[i] = &Chunk[T]{ids: ids(from, to), values: make([]T, to-from)}
		for j, r := range rows[from:to] {
			c.chunks[i].values[j] = c.of(r)
		}
	}
	return slices.Clone(c.chunks)
}

// A Snapshot is what is known of all phones at one moment. It never changes. Its
// two lists of chunks have the same phones in the same order.
type Snapshot struct {
	Conditions   []*Conditions
	Descriptions []*Descriptions
	Standings    map[Standing]int // the phones of each
	Phones       int
	Current      int // phones with a status that can be trusted now
	// Oldest and Median are the ages of their statuses.
	Oldest, Median time.Duration
}
