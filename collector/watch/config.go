package watch

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
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
	BaseURL     string                   // of the API
	Timeout     time.Duration            // of one request, above zero
	Concurrency int                      // polls of phone statuses at a time, from 1
	Limits      geelark.Limits           // of each endpoint, at most the vendor's

	// IDs and the ids in IDsFile are tracked. When both are empty, the account's
	// own phones are, as Discovery selects them.
	IDs       []string
	IDsFile   string
	Discovery Discovery

	// CacheTTL is the age from which a phone is due to be polled again, from
	// zero.
	CacheTTL time.Duration
	// MaxStaleness is the age from which a status is not exposed any more, above
	// zero.
	MaxStaleness time.Duration

	// InventoryInterval is how often the account's list of phones is read: to
	// discover them, and for their descriptions. Above zero.
	InventoryInterval time.Duration
	// BillingInterval is how often wallet and plan are read, at least
	// [MinBillingInterval].
	BillingInterval time.Duration
}

// maxShare keeps each program some requests.
const maxShare = 20

// MinBillingInterval keeps billing far inside the vendor's limit of one request
// for the plan a minute, which the account's other programs share.
const MinBillingInterval = 2 * time.Minute

// The fields of an [AccountConfig] as a [FieldError] names them: their paths in
// the configuration file.
const (
	FieldName              = "name"
	FieldLabels            = "labels"
	FieldBaseURL           = "base_url"
	FieldTimeout           = "timeout"
	FieldConcurrency       = "concurrency"
	FieldRequestsPerMinute = "requests_per_minute"
	FieldRequestsPerHour   = "requests_per_hour"
	FieldLimitShare        = "limit_share"
	FieldIDs               = "phones.ids"
	FieldIDsFile           = "phones.ids_file"
	FieldCacheTTL          = "cache_ttl"
	FieldMaxStaleness      = "max_staleness"
	FieldInventoryInterval = "inventory_interval"
	FieldBillingInterval   = "billing_interval"
)

// A FieldError is a value in an [AccountConfig] that is not valid.
type FieldError struct {
	Field string // one of the Field constants, with ".KEY" or "[INDEX]" where it has many
	Err   error  // what is wrong and what to do
}

func (e *FieldError) Error() string { return e.Field + " " + e.Err.Error() }

// Unwrap returns the error without the field's name.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate returns a [*FieldError] for the first value that is not valid. It
// reads no file: [New] does, and its error can be one about FieldIDsFile.
func (c *AccountConfig) Validate() error {
	vendor := geelark.VendorLimits()
	for _, v := range []struct {
		field string
		ok    bool
		must  string
		is    any
	}{
		{FieldName, validName.MatchString(c.Name), "must be of letters, digits, dots, dashes and underscores", strconv.Quote(c.Name)},
		{FieldTimeout, c.Timeout > 0, "must be above zero", c.Timeout},
		{FieldLimitShare, c.Limits.Share >= 0 && c.Limits.Share <= maxShare, fmt.Sprintf("must be 1 to %d", maxShare), c.Limits.Share},
		{FieldConcurrency, c.Concurrency >= 1 && c.Concurrency <= vendor.PerMinute, fmt.Sprintf("must be 1 to %d", vendor.PerMinute), c.Concurrency},
		{
			FieldRequestsPerMinute, c.Limits.PerMinute >= 1 && c.Limits.PerMinute <= vendor.PerMinute,
			fmt.Sprintf("must be 1 to %d, the vendor's limit", vendor.PerMinute), c.Limits.PerMinute,
		},
		{
			FieldRequestsPerHour, c.Limits.PerHour >= 1 && c.Limits.PerHour <= vendor.PerHour,
			fmt.Sprintf("must be 1 to %d, the vendor's limit", vendor.PerHour), c.Limits.PerHour,
		},
		{FieldCacheTTL, c.CacheTTL >= 0, "must not be negative", c.CacheTTL},
		{FieldMaxStaleness, c.MaxStaleness > 0, "must be above zero", c.MaxStaleness},
		{FieldInventoryInterval, c.InventoryInterval > 0, "must be above zero", c.InventoryInterval},
		{FieldBillingInterval, c.BillingInterval >= MinBillingInterval, fmt.Sprintf("must be at least %s", MinBillingInterval), c.BillingInterval},
	} {
		if !v.ok {
			return &FieldError{v.field, fmt.Errorf("%s, is %v", v.must, v.is)}
		}
	}
	if _, err := geelark.ParseBaseURL(c.BaseURL); err != nil {
		return &FieldError{FieldBaseURL, fmt.Errorf("is not valid: %w", err)}
	}
	for i, id := range c.IDs {
		if err := CheckID(id); err != nil {
			return &FieldError{fmt.Sprintf("%s[%d]", FieldIDs, i), fmt.Errorf("is not valid: %w", err)}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if err := checkLabel(name); err != nil {
			return &FieldError{FieldLabels + "." + name, err}
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
