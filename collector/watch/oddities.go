package watch

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/geelark"
)

const (
	// maxOddities bounds the odd fields that are remembered, of an account. When
	// there are more, the vendor has changed the API: the others are not named.
	maxOddities = 100
	// maxNamed are the odd fields that one line names.
	maxNamed = 10
)

// oddities log which fields of which phones cannot be read: once, until they can
// be read again. They are safe for concurrent use.
type oddities struct {
	mu    sync.Mutex
	known map[oddity]bool
}

// An oddity is an odd field in the answers of an endpoint.
type oddity struct {
	geelark.Oddity
	endpoint geelark.Endpoint
}

// see takes in an answer that tells of phones, by their ids, an odd field of which is
// read again unless it is among those that are odd now.
func (o *oddities) see(logger log.Logger, e geelark.Endpoint, odd []geelark.Oddity, phones []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := make(map[oddity]bool)
	var added []string
	for _, field := range odd {
		at := oddity{field, e}
		now[at] = true
		if !o.known[at] && len(o.known) < maxOddities {
			if o.known == nil {
				o.known = make(map[oddity]bool)
			}
			o.known[at] = true
			added = append(added, describe(field))
		}
	}
	for at := range o.known {
		if at.endpoint == e && !now[at] && slices.Contains(phones, at.ID) {
			delete(o.known, at)
		}
	}
	if len(added) == 0 {
		return
	}
	slices.Sort(added)
	named := strings.Join(added[:min(len(added), maxNamed)], ", ")
	if more := len(added) - maxNamed; more > 0 {
		named += fmt.Sprintf(", and %d more", more)
	}
	if len(o.known) == maxOddities {
		named += "; no others are named until some of these are read again"
	}
	level.Warn(logger).Log("msg", "Parts of an answer cannot be read and count as absent", "api", e, "fields", named)
}

// describe is an odd field in words.
func describe(o geelark.Oddity) string {
	if o.ID == "" {
		return o.Field + " of an item without a legible id"
	}
	return o.Field + " of phone " + o.ID
}
