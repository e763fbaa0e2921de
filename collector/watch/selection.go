package watch

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/go-kit/log/level"

	"geelark_exporter/geelark"
)

// maxLook is the most pages of the account's list that are read to say what there
// is instead of what was selected in vain.
const maxLook = 10

// A Vain selection is one that finds none of the phones that an account has.
type Vain struct {
	Phones int // of the account
	Of     Discovery
	// Groups and Tags are the few names in the account that are the most like one
	// that was asked for.
	Groups, Tags []string
}

// Unmatched are the names in a selection that none of the phones has that it finds.
type Unmatched struct {
	Groups, Tags []string
	// NearGroups and NearTags are the few names in the account that are the most
	// like one of those.
	NearGroups, NearTags []string
}

func (u *Unmatched) isSame(v *Unmatched) bool {
	return v != nil && slices.Equal(u.Groups, v.Groups) && slices.Equal(u.Tags, v.Tags)
}

// sightings are the names of groups and tags of phones.
type sightings struct {
	groups, tags             map[string]bool
	groupsUntold, tagsUntold bool // there may be others
}

func newSightings() *sightings {
	return &sightings{groups: make(map[string]bool), tags: make(map[string]bool)}
}

// see takes in a phone that a listing by a filter has found. Where its group or tags
// are not told, they are the filter's.
func (s *sightings) see(p geelark.Phone, by geelark.PhoneListFilter) {
	group, told := p.Group.Get()
	if !told {
		if group = by.GroupName; group == "" {
			s.groupsUntold = true
		}
	}
	if group != "" {
		s.groups[group] = true
	}
	tags := p.Tags
	if tags == nil {
		if tags = by.Tags; tags == nil {
			s.tagsUntold = true
		}
	}
	for _, t := range tags {
		s.tags[t] = true
	}
}

// unmatched returns which names of a selection were not seen among the phones that
// it finds, nil when all were.
func (s *sightings) unmatched(d *Discovery) *Unmatched {
	without := func(names []string, seen map[string]bool, untold bool) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return seen[name] || untold })
	}
	u := &Unmatched{Groups: without(d.Groups, s.groups, s.groupsUntold), Tags: without(d.Tags, s.tags, s.tagsUntold)}
	if len(u.Groups)+len(u.Tags) == 0 {
		return nil
	}
	return u
}

// compare learns how many phones the account has, of which the selection finds some
// or none, and which of its names match none. What is new of that is logged
// together with the names that there are.
func (i *inventory) compare(ctx context.Context, found int, seen *sightings) {
	d := i.discovery
	vain, unmatched := i.selectsInVain()
	missing := seen.unmatched(d)
	told := missing == nil || missing.isSame(unmatched)
	if found == 0 {
		missing, told = nil, vain != nil
	}
	pages := 1
	if !told {
		pages = maxLook
	}
	total, all, err := i.survey(ctx, pages)
	if err != nil {
		return // the listing itself is whole
	}
	switch {
	case found > 0 || total == 0:
		vain = nil
	case !told:
		vain = &Vain{Phones: total, Of: *d, Groups: nearest(d.Groups, all.groups), Tags: nearest(d.Tags, all.tags)}
		level.Warn(i.logger).Log(append([]any{"msg", "The selection of phones finds none of the account's: correct phones.discover", "phones", total},
			inQuotes("groups", d.Groups, "nearest_groups", vain.Groups, "tags", d.Tags, "nearest_tags", vain.Tags)...)...)
	default:
		vain = &Vain{total, vain.Of, vain.Groups, vain.Tags}
	}
	switch {
	case missing == nil:
		unmatched = nil
	case !told:
		unmatched = missing
		unmatched.NearGroups, unmatched.NearTags = nearest(missing.Groups, all.groups), nearest(missing.Tags, all.tags)
		level.Warn(i.logger).Log(append([]any{"msg", "Names in the selection of phones match none of the phones that it finds: correct phones.discover"},
			inQuotes("groups", missing.Groups, "nearest_groups", unmatched.NearGroups, "tags", missing.Tags, "nearest_tags", unmatched.NearTags)...)...)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listed, i.isListed, i.vain, i.unmatched = total, true, vain, unmatched
}

// survey returns how many phones the account has without the selection, and the names
// of some pages of them.
func (i *inventory) survey(ctx context.Context, pages int) (total int, s *sightings, err error) {
	s = newSightings()
	for page := 1; page == 1 || page <= pages && (page-1)*geelark.MaxListPageSize < total; page++ {
		p, err := i.client.PhoneList(ctx, geelark.PhoneListFilter{}, page, geelark.MaxListPageSize)
		if err != nil {
			return 0, nil, err
		}
		total = p.Total
		for _, phone := range p.Phones {
			s.see(phone, geelark.PhoneListFilter{})
		}
	}
	return total, s, nil
}

// nearest returns the few names that are the most like one of those that were
// asked for.
func nearest(asked []string, names map[string]bool) []string {
	if len(asked) == 0 {
		return nil
	}
	distance := func(name string) int {
		least := math.MaxInt
		for _, a := range asked {
			least = min(least, levenshtein.ComputeDistance(strings.ToLower(a), strings.ToLower(name)))
		}
		return least
	}
	list := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a, b))
	})
	return list[:min(len(list), 5)]
}

// inQuotes are the lists among keys and lists that hold something, for a log line.
func inQuotes(keysAndLists ...any) (kept []any) {
	for i := 0; i < len(keysAndLists); i += 2 {
		if names, _ := keysAndLists[i+1].([]string); len(names) > 0 {
			kept = append(kept, keysAndLists[i], `"`+strings.Join(names, `", "`)+`"`)
		}
	}
	return kept
}
