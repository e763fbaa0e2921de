package watch

import (
	"slices"

	"geelark_exporter/geelark"
)

// Discovery selects the phones of an account that are tracked: those in one of
// the groups, with one of the tags, and of the charge mode; an empty field
// selects all.
type Discovery struct {
	Groups     []string
	Tags       []string
	ChargeMode *geelark.ChargeMode
}

// filters are the listings that find all selected phones. The API takes one
// group; whether a phone must have one or all of several tags is not documented,
// so it is given one.
func (d *Discovery) filters() []geelark.PhoneListFilter {
	groups, tags := d.Groups, d.Tags
	if len(groups) == 0 {
		groups = []string{""}
	}
	if len(tags) == 0 {
		tags = []string{""}
	}
	var filters []geelark.PhoneListFilter
	for _, g := range groups {
		for _, t := range tags {
			f := geelark.PhoneListFilter{GroupName: g, ChargeMode: d.ChargeMode}
			if t != "" {
				f.Tags = []string{t}
			}
			filters = append(filters, f)
		}
	}
	return filters
}

// isAll reports whether all phones are selected.
func (d *Discovery) isAll() bool {
	return len(d.Groups) == 0 && len(d.Tags) == 0 && d.ChargeMode == nil
}

// selects reports whether the phone is one to track: how exactly the API matches
// names is not documented. Where the answer leaves out what it goes by, the API's
// own choice stands.
func (d *Discovery) selects(p geelark.Phone) bool {
	group, hasGroup := p.Group.Get()
	mode, hasMode := p.ChargeMode.Get()
	return (len(d.Groups) == 0 || !hasGroup || slices.Contains(d.Groups, group)) &&
		(len(d.Tags) == 0 || p.Tags == nil || slices.ContainsFunc(d.Tags, func(t string) bool { return slices.Contains(p.Tags, t) })) &&
		(d.ChargeMode == nil || !hasMode || mode == *d.ChargeMode)
}
