package watch

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"geelark_exporter/geelark"
)

// An AccountConfig says how one GeeLark account is watched.
type AccountConfig struct {
	// Name is the account label, of letters, digits and ._- only.
	Name string
	// Labels are added to the account's info metrics.
	Labels map[string]string

	Credentials geelark.CredentialSource // comparable

	// IDs and the ids in IDsFile are tracked. When both are empty, the account's
	// own phones are, as Discovery selects them.
	IDs       []string
	IDsFile   string
	Discovery Discovery

	// Settings explains and bounds these.
	BaseURL                            string
	Concurrency                        int
	Limits                             geelark.Limits
	Timeout, CacheTTL, MaxStaleness    time.Duration
	InventoryInterval, BillingInterval time.Duration
}

// maxShare keeps each program some requests.
const maxShare = 20

// MinBillingInterval keeps billing far inside the vendor's limit of one request
// for the plan a minute, which the account's other programs share.
const MinBillingInterval = 2 * time.Minute

// A Setting is a value of an [AccountConfig] that a flag sets for all accounts, and
// the configuration file for some.
type Setting struct {
	Field, Flag string
	Value       any // the *string, *int or *time.Duration to set
	standard    any // its default
	valid       bool
	Must        string // what makes the value valid: "be above zero"
	Help        string
}

// Settings are those of the account.
func (c *AccountConfig) Settings() []Setting {
	vendor, within := geelark.VendorLimits(), func(n, most int) bool { return n >= 1 && n <= most }
	return []Setting{
		{"base_url", "geelark.base-url", &c.BaseURL, geelark.DefaultBaseURL, true, "look like " + geelark.DefaultBaseURL, "Address of the GeeLark API."},
		{"timeout", "geelark.timeout", &c.Timeout, 5 * time.Second, c.Timeout > 0, "be above zero", "Time limit of one request to the API."},
		{"concurrency", "geelark.concurrency", &c.Concurrency, 4, within(c.Concurrency, vendor.PerMinute), fmt.Sprintf("be 1 to %d", vendor.PerMinute), "Requests for phone statuses at a time."},
		{"requests_per_minute", "geelark.requests-per-minute", &c.Limits.PerMinute, 150, within(c.Limits.PerMinute, vendor.PerMinute), fmt.Sprintf("be 1 to %d, the vendor's limit", vendor.PerMinute), "Most requests to an endpoint within any minute. The rest is left to other users of the account. At the vendor's limit itself, nothing is sent for a minute after a start without --state.directory."},
		{"requests_per_hour", "geelark.requests-per-hour", &c.Limits.PerHour, 18000, within(c.Limits.PerHour, vendor.PerHour), fmt.Sprintf("be 1 to %d, the vendor's limit", vendor.PerHour), "Most requests to an endpoint within any hour. The rest is left to other users of the account."},
		{"limit_share", "geelark.limit-share", &c.Limits.Share, 1, within(c.Limits.Share, maxShare), fmt.Sprintf("be 1 to %d", maxShare), "How many programs divide the account's limits evenly, such as two exporters that watch the same account: the limits of this one, and the vendor's, are divided by it."},
		{FieldCacheTTL, "cache.ttl", &c.CacheTTL, 30 * time.Second, c.CacheTTL >= 0, "not be negative", "Age from which a phone's status is due to be polled again at a scrape."},
		{FieldMaxStaleness, "cache.max-staleness", &c.MaxStaleness, 10 * time.Minute, c.MaxStaleness > 0, "be above zero", "Age from which a phone's status is not exposed any more."},
		{"inventory_interval", "inventory.interval", &c.InventoryInterval, 5 * time.Minute, c.InventoryInterval > 0, "be above zero", "How often the account's list of phones is read: to find them, and for their names, groups, tags and subscriptions."},
		{"billing_interval", "billing.interval", &c.BillingInterval, 10 * time.Minute, c.BillingInterval >= MinBillingInterval, "be at least " + MinBillingInterval.String(), "How often wallet and plan are read."},
	}
}

// DefaultAccountConfig has the default of each setting.
func DefaultAccountConfig() AccountConfig {
	var c AccountConfig
	for _, s := range c.Settings() {
		reflect.ValueOf(s.Value).Elem().Set(reflect.ValueOf(s.standard))
	}
	return c
}

// The fields that must agree: no status may be withdrawn before it is polled again.
const (
	FieldCacheTTL     = "cache_ttl"
	FieldMaxStaleness = "max_staleness"
)

// A FieldError is a value in an [AccountConfig] that is not valid.
type FieldError struct {
	Field string // its path in the configuration file, with ".KEY" or "[INDEX]" where it has many
	Err   error  // what is wrong and what to do
}

func (e *FieldError) Error() string { return e.Field + " " + e.Err.Error() }

// Unwrap returns the error without the field's name.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate returns a [*FieldError] for the first value that is not valid. It
// reads no file: [New] does, and its error can be one about phones.ids_file.
func (c *AccountConfig) Validate() error {
	if !validName.MatchString(c.Name) {
		return &FieldError{"name", fmt.Errorf("must be of letters, digits, dots, dashes and underscores, is %q", c.Name)}
	}
	// The client says more about an address, and repeats no password in it.
	if _, err := geelark.ParseBaseURL(c.BaseURL); err != nil {
		return &FieldError{"base_url", fmt.Errorf("is not valid: %w", err)}
	}
	for _, s := range c.Settings() {
		if !s.valid {
			return &FieldError{s.Field, fmt.Errorf("must %s, is %v", s.Must, reflect.ValueOf(s.Value).Elem())}
		}
	}
	if c.MaxStaleness < c.CacheTTL {
		return &FieldError{FieldMaxStaleness, fmt.Errorf("must be at least the cache's ttl, %s, since statuses would come and go otherwise, is %s", c.CacheTTL, c.MaxStaleness)}
	}
	for i, id := range c.IDs {
		if err := CheckID(id); err != nil {
			return &FieldError{fmt.Sprintf("phones.ids[%d]", i), fmt.Errorf("is not valid: %w", err)}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if err := checkLabel(name); err != nil {
			return &FieldError{"labels." + name, err}
		}
	}
	return nil
}

var (
	validName  = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	validLabel = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// ReservedLabels returns the labels of phones and accounts that the exporter
// sets itself. An account's own labels must have other names.
func ReservedLabels() []string {
	return []string{
		"account", "id", "serial_name", "serial_no", "group", "tags", "charge_mode", "bound",
		"country", "os_version", "brand", "model", "net_type",
	}
}

func checkLabel(name string) error {
	if !validLabel.MatchString(name) || strings.HasPrefix(name, "__") {
		return errors.New("is not a label name: it must be of letters, digits and underscores, not begin with a digit or two underscores")
	}
	if slices.Contains(ReservedLabels(), name) {
		return errors.New("is a label that the exporter sets: choose another name")
	}
	return nil
}
