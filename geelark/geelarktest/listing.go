package geelarktest

import (
	"cmp"
	"slices"
	"time"

	"geelark_exporter/geelark"
)

// An Order is one in which a list comes whose order no document tells.
type Order int

// The orders of a list.
const (
	NewestFirst Order = iota
	OldestFirst
	ByID     // by the number of the id, which says nothing of an entry's time here
	Shuffled // one that says nothing at all, but stays
)

// A Listing says how billing/transaction/detail or task/historyRecords gives
// out its list, in what their documents leave open.
type Listing struct {
	Order Order

	// Late is how long after its time an entry may be shown first. A quarter
	// of the entries come late, each by a time of its own up to that.
	Late time.Duration

	// Twice begins each page of two and more entries with the last entry of
	// the page before.
	Twice bool

	// OpenEnd leaves out what was created in the very second that a request
	// names as the end.
	OpenEnd bool

	// PageTotal tells how many entries the page has, instead of the list.
	PageTotal bool

	// Drift has the last id of a page stand for the number of entries that
	// were given out before, not for an entry: what is new or forgotten
	// meanwhile moves the following pages.
	Drift bool
}

// SetListing changes how an endpoint gives out its list from now on. Other
// endpoints than the two are ignored.
func (s *Server) SetListing(endpoint string, l Listing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.listings[endpoint]; g != nil {
		g.Listing = l
		clear(g.given)
	}
}

// A giver gives out a list.
type giver struct {
	Listing
	given map[uint64]int // entries given out up to an entry's, for Drift
}

// maxGiven bounds the pages whose ends are remembered for Drift.
const maxGiven = 100_000

// Entries of a list are numbered in the order in which they came into being,
// from 0; those before first are forgotten.
type entries struct {
	first, next uint64
	sure        uint64              // those from first up to it are shown for certain
	shown       func(n uint64) bool // whether one from sure on is
}

// page returns the numbers of a page's entries, at most limit, and how many
// the list has. After is the entry that the page before ended with; nil for
// the first page.
func (g *giver) page(e entries, after *uint64, limit int) (page []uint64, total int) {
	e.sure = min(max(e.sure, e.first), e.next)
	total = int(e.sure - e.first)
	for n := e.sure; n < e.next; n++ {
		if e.shown(n) {
			total++
		}
	}
	skip, twice := 0, g.Twice && limit > 1
	if after != nil && g.Drift {
		if n, ok := g.given[*after]; ok {
			skip, after = n, nil
			if twice {
				skip--
			}
		}
	}
	shown := func(n uint64) bool { return n < e.sure || e.shown(n) }
	take := func(n uint64) bool {
		switch {
		case !shown(n):
		case skip > 0:
			skip--
		default:
			page = append(page, n)
		}
		return len(page) < limit
	}
	given := skip
	if after != nil {
		given = 0
	}
	switch g.Order {
	case NewestFirst:
		from := e.next
		if after != nil {
			from = min(*after, e.next)
			if twice {
				from = min(*after+1, e.next)
			}
		}
		for n := from; n > e.first && take(n-1); n-- {
		}
	case OldestFirst:
		from := e.first
		if after != nil {
			from = max(*after+1, e.first)
			if twice {
				from = max(*after, e.first)
			}
		}
		for n := from; n < e.next && take(n); n++ {
		}
	default:
		key := scramble
		if g.Order == Shuffled {
			key = func(n uint64) uint64 { return hash(n) }
		}
		var rest []uint64
		for n := e.first; n < e.next; n++ {
			if shown(n) && (after == nil || key(n) > key(*after) || twice && n == *after) {
				rest = append(rest, n)
			}
		}
		slices.SortFunc(rest, func(a, b uint64) int { return cmp.Compare(key(a), key(b)) })
		for _, n := range rest {
			if !take(n) {
				break
			}
		}
	}
	if g.PageTotal {
		total = len(page)
	}
	if g.Drift && len(page) > 0 {
		if len(g.given) >= maxGiven {
			clear(g.given)
		}
		g.given[page[len(page)-1]] = given + len(page)
	}
	return page, total
}

// late is by how many seconds an entry comes late.
func (g *giver) late(n uint64) int64 {
	span := int64(g.Late / time.Second)
	if h := hash(n ^ 1<<63); span > 0 && h%4 == 0 {
		return 1 + int64(h>>2)%span
	}
	return 0
}

// Ids of entries are unique numbers of 18 digits like the vendor's, and their
// order is not that of time: nothing documented says that it is.
const (
	entryIDs = 612_000_000_000_000_000
	idBits   = 36
	idMask   = 1<<idBits - 1
	mixer    = 0x5_DEEC_E66D // odd, so that it has an inverse
)

func entryID(n uint64) string { return decimal(entryIDs + scramble(n)) }

// entryOf returns the entry that an id is of, given how many there ever were.
func entryOf(id string, ever uint64) (uint64, geelark.Code) {
	value, ok := number(id)
	if !ok || value < entryIDs || value-entryIDs > idMask {
		return 0, geelark.CodeParameter
	}
	n := unscramble(value - entryIDs)
	if n >= ever {
		return 0, geelark.CodeParameter
	}
	return n, geelark.CodeOK
}

func scramble(n uint64) uint64 {
	n = n * mixer & idMask
	n ^= n >> (idBits / 2)
	return n * mixer & idMask
}

func unscramble(n uint64) uint64 {
	n = n * inverse(mixer) & idMask
	n ^= n >> (idBits / 2)
	return n * inverse(mixer) & idMask
}

// inverse returns the number that undoes a multiplication by an odd one.
func inverse(odd uint64) uint64 {
	x := odd
	for range 6 { // each round doubles the bits that are right
		x *= 2 - odd*x
	}
	return x
}

// hash is splitmix64's.
func hash(n uint64) uint64 {
	n += 0x9E37_79B9_7F4A_7C15
	n = (n ^ n>>30) * 0xBF58_476D_1CE4_E5B9
	n = (n ^ n>>27) * 0x94D0_49BB_1331_11EB
	return n ^ n>>31
}
