package phones

import (
	"slices"
	"time"
	"unique"

	"geelark_exporter/geelark"
)

// A Flag is a yes or no that need not be told.
type Flag uint8

// The values of a [Flag].
const (
	Unknown Flag = iota
	No
	Yes
)

// String returns "unknown", "no" or "yes".
func (f Flag) String() string {
	switch f {
	case No:
		return "no"
	case Yes:
		return "yes"
	}
	return "unknown"
}

func flagOf(told geelark.Optional[bool]) Flag {
	v, ok := told.Get()
	switch {
	case !ok:
		return Unknown
	case v:
		return Yes
	}
	return No
}

// A Description is what is known of a phone beside its status.
type Description struct {
	SerialName string // "" when not told

	Listed          bool // otherwise nothing but the name is known
	SerialNo, Group string
	Tags            Tags
	RPARunning      Flag
	RPAOutdated     bool // that was told too long ago

	traits unique.Handle[Traits]
	// Unix times in milliseconds, 0 for none: a third of the size of a
	// [time.Time].
	subscriptionEnds, created int64
}

// Traits are what thousands of phones have in common.
type Traits struct {
	ChargeMode                geelark.ChargeMode
	Bound                     Flag   // to a subscription
	Country, OSVersion        string // "" when not told, as those below
	Brand, Model, NetworkType string
}

// Traits returns the zero value for a phone that was not listed.
func (d *Description) Traits() Traits {
	if !d.Listed {
		return Traits{}
	}
	return d.traits.Value()
}

// SubscriptionEnds returns the end of the phone's monthly subscription, zero
// without one.
func (d *Description) SubscriptionEnds() time.Time { return ofUnixMilli(d.subscriptionEnds) }

// Created returns when the phone was created, zero when that is not known.
func (d *Description) Created() time.Time { return ofUnixMilli(d.created) }

func describe(l geelark.ListedPhone) Description {
	return Description{
		SerialName: l.SerialName, Listed: true,
		SerialNo: l.SerialNo, Group: unique.Make(l.Group.Or("")).Value(), Tags: NewTags(l.Tags), // thousands share these
		traits: unique.Make(Traits{
			ChargeMode: l.ChargeMode.Or(-1), Bound: flagOf(l.Bound), Country: l.Country, OSVersion: l.OSVersion,
			Brand: l.Brand, Model: l.Model, NetworkType: networkType(l.NetType),
		}),
		subscriptionEnds: unixMilli(l.MonthlyExpire), created: unixMilli(l.CreateTime), RPARunning: flagOf(l.RPARunning),
	}
}

// networkType is "" for a type that is not documented.
func networkType(told geelark.Optional[geelark.NetType]) string {
	if n, ok := told.Get(); ok && (n == geelark.NetWiFi || n == geelark.NetMobile) {
		return n.String()
	}
	return ""
}

// unixMilli is t in Unix milliseconds, 0 for the zero time.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// ofUnixMilli is the reverse of unixMilli.
func ofUnixMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Tags are the names of a phone's tags, sorted and each once. Equal ones compare
// as equal, and phones share them.
type Tags struct{ first unique.Handle[tag] }

type tag struct {
	name string
	rest Tags
}

// NewTags returns the tags of these names.
func NewTags(names []string) Tags {
	var t Tags
	for _, name := range slices.Backward(slices.Compact(slices.Sorted(slices.Values(names)))) {
		t = Tags{unique.Make(tag{name, t})}
	}
	return t
}

// Names returns a new list of the tags' names.
func (t Tags) Names() []string {
	var names []string
	for t != (Tags{}) {
		first := t.first.Value()
		names = append(names, first.name)
		t = first.rest
	}
	return names
}
