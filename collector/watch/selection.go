package watch

import (
	"cmp"
	"context"
	"maps"
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

// lookWithoutSelection returns how many phones the account has although the
// selection finds none. When that is new, it is logged together with the groups
// and tags that there are.
func (i *inventory) lookWithoutSelection(ctx context.Context) (total int, err error) {
	groups, tags := make(map[string]bool), make(map[string]bool)
	for page := 1; page == 1 || page <= maxLook && (page-1)*geelark.MaxListPageSize < total; page++ {
		p, err := i.client.PhoneList(ctx, geelark.PhoneListFilter{}, page, geelark.MaxListPageSize)
		if err != nil {
			return total, err
		}
		total = p.Total
		if i.vain {
			return total, nil
		}
		for _, phone := range p.Phones {
			groups[phone.Group.Or("")] = true
			for _, t := range phone.Tags {
				tags[t] = true
			}
		}
	}
	if total > 0 {
		i.vain = true
		delete(groups, "")
		d := i.discovery
		v := &Vain{Phones: total, Of: *d, Groups: nearest(d.Groups, groups), Tags: nearest(d.Tags, tags)}
		i.mu.Lock()
		i.inVain = v
		i.mu.Unlock()
		level.Warn(i.logger).Log("msg", "The selection of phones finds none of the account's: correct phones.discover", "phones", total,
			"groups", quoted(d.Groups), "nearest_groups", quoted(v.Groups),
			"tags", quoted(d.Tags), "nearest_tags", quoted(v.Tags))
	}
	return total, nil
}

// nearest returns the few names that are the most like one of those that were
// asked for.
func nearest(asked []string, names map[string]bool) []string {
	if len(asked) == 0 {
		return nil
	}
	distance := func(name string) int {
		least := len(name) + len(asked[0])
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

// quoted is a list for a log line.
func quoted(names []string) string {
	return `"` + strings.Join(names, `", "`) + `"`
}
