package watch

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"geelark_exporter/geelark"
)

func TestConfigurationErrorsNameTheirField(t *testing.T) {
	for field, change := range map[string]func(*AccountConfig){
		"name":               func(c *AccountConfig) { c.Name = "a b" },
		"labels.group":       func(c *AccountConfig) { c.Labels = map[string]string{"fine": "", "group": ""} },
		"labels.__name__":    func(c *AccountConfig) { c.Labels = map[string]string{"__name__": ""} },
		"labels.a-b":         func(c *AccountConfig) { c.Labels = map[string]string{"a-b": ""} },
		"concurrency":        func(c *AccountConfig) { c.Concurrency = 0 },
		"requests_per_hour":  func(c *AccountConfig) { c.Limits.PerHour = 24001 },
		"cache_ttl":          func(c *AccountConfig) { c.CacheTTL = -1 },
		"max_staleness":      func(c *AccountConfig) { c.MaxStaleness = 0 },
		"inventory_interval": func(c *AccountConfig) { c.InventoryInterval = 0 },
		"billing_interval":   func(c *AccountConfig) { c.BillingInterval = MinBillingInterval - 1 },
		"phones.ids[1]":      func(c *AccountConfig) { c.IDs = []string{"1", "\n"} },
	} {
		cfg := testConfig()
		change(&cfg)
		_, err := New([]AccountConfig{cfg}, Options{})
		fe, ok := errors.AsType[*FieldError](err)
		if !ok || fe.Field != field || !errors.Is(err, fe.Err) {
			t.Errorf("%s: error %v", field, err)
		}
	}
	if _, err := New([]AccountConfig{testConfig()}, Options{ClientOptions: []geelark.Option{geelark.WithTimeout(0)}}); err == nil {
		t.Error("a client that cannot be made is accepted")
	}
}

func TestConfigurationsThatAreNotValidAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		want   string
	}{
		"base URL":  {func(c *AccountConfig) { c.BaseURL = "ftp://x" }, "must look like"},
		"timeout":   {func(c *AccountConfig) { c.Timeout = 0 }, "timeout must be above zero"},
		"limit":     {func(c *AccountConfig) { c.Limits.PerMinute = 201 }, "1 to 200, the vendor's limit, is 201"},
		"phone id":  {func(c *AccountConfig) { c.IDs = []string{"1", ""} }, "must not be empty"},
		"phone ids": {func(c *AccountConfig) { c.IDs = []string{"1 2"} }, "has a blank"},
		"ids file":  {func(c *AccountConfig) { c.IDsFile = "testdata/none" }, "testdata/none"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			tt.change(&cfg)
			_, err := New([]AccountConfig{cfg}, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := New([]AccountConfig{testConfig(), testConfig()}, Options{}); err == nil || !strings.Contains(err.Error(), `"default"`) {
		t.Errorf("two accounts of one name: error %v", err)
	}
}

// The documents and the alerts go by these.
func TestDefaultsAreTheDocumented(t *testing.T) {
	c := DefaultAccountConfig()
	var got []string
	for _, s := range c.Settings() {
		got = append(got, fmt.Sprint(s.Field, " ", reflect.ValueOf(s.Value).Elem()))
	}
	want := "base_url https://openapi.geelark.com, timeout 5s, concurrency 4, requests_per_minute 150, requests_per_hour 18000, limit_share 1, " +
		"cache_ttl 30s, max_staleness 10m0s, inventory_interval 5m0s, billing_interval 10m0s"
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSettingsAreTakenUpToTheirBounds(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*AccountConfig)
		err    string // "": taken
	}{
		"no timeout":                            {func(c *AccountConfig) { c.Timeout = 0 }, "timeout must be above zero, is 0s"},
		"the least timeout":                     {func(c *AccountConfig) { c.Timeout = 1 }, ""},
		"no concurrency":                        {func(c *AccountConfig) { c.Concurrency = 0 }, "concurrency must be 1 to 200, is 0"},
		"the least concurrency":                 {func(c *AccountConfig) { c.Concurrency = 1 }, ""},
		"the most concurrency":                  {func(c *AccountConfig) { c.Concurrency = 200 }, ""},
		"too much concurrency":                  {func(c *AccountConfig) { c.Concurrency = 201 }, "concurrency must be 1 to 200, is 201"},
		"no requests a minute":                  {func(c *AccountConfig) { c.Limits.PerMinute = 0 }, "requests_per_minute must be 1 to 200, the vendor's limit, is 0"},
		"one request a minute":                  {func(c *AccountConfig) { c.Limits.PerMinute = 1 }, ""},
		"the vendor's limit":                    {func(c *AccountConfig) { c.Limits.PerMinute = 200 }, ""},
		"more than the vendor's limit":          {func(c *AccountConfig) { c.Limits.PerMinute = 201 }, "requests_per_minute must be 1 to 200, the vendor's limit, is 201"},
		"no requests an hour":                   {func(c *AccountConfig) { c.Limits.PerHour = 0 }, "requests_per_hour must be 1 to 24000, the vendor's limit, is 0"},
		"one request an hour":                   {func(c *AccountConfig) { c.Limits.PerHour = 1 }, ""},
		"the vendor's limit of an hour":         {func(c *AccountConfig) { c.Limits.PerHour = 24000 }, ""},
		"more than the vendor's of an hour":     {func(c *AccountConfig) { c.Limits.PerHour = 24001 }, "requests_per_hour must be 1 to 24000, the vendor's limit, is 24001"},
		"nobody's share":                        {func(c *AccountConfig) { c.Limits.Share = 0 }, "limit_share must be 1 to 20, is 0"},
		"the smallest share":                    {func(c *AccountConfig) { c.Limits.Share = 20 }, ""},
		"less than the smallest share":          {func(c *AccountConfig) { c.Limits.Share = 21 }, "limit_share must be 1 to 20, is 21"},
		"no cache":                              {func(c *AccountConfig) { c.CacheTTL = 0 }, ""},
		"a negative ttl":                        {func(c *AccountConfig) { c.CacheTTL = -1 }, "cache_ttl must not be negative, is -1ns"},
		"statuses that are never trusted":       {func(c *AccountConfig) { c.CacheTTL, c.MaxStaleness = 0, 0 }, "max_staleness must be above zero, is 0s"},
		"statuses that are trusted for no time": {func(c *AccountConfig) { c.CacheTTL, c.MaxStaleness = 0, 1 }, ""},
		"trust as long as the ttl":              {func(c *AccountConfig) { c.CacheTTL, c.MaxStaleness = time.Minute, time.Minute }, ""},
		"trust for less than the ttl":           {func(c *AccountConfig) { c.CacheTTL, c.MaxStaleness = time.Minute, time.Minute-1 }, "max_staleness must be at least the cache's ttl, 1m0s, since statuses would come and go otherwise, is 59.999999999s"},
		"no time between listings":              {func(c *AccountConfig) { c.InventoryInterval = 0 }, "inventory_interval must be above zero, is 0s"},
		"the least time between listings":       {func(c *AccountConfig) { c.InventoryInterval = 1 }, ""},
		"the plan each two minutes":             {func(c *AccountConfig) { c.BillingInterval = 2 * time.Minute }, ""},
		"the plan more often":                   {func(c *AccountConfig) { c.BillingInterval = 2*time.Minute - 1 }, "billing_interval must be at least 2m0s, is 1m59.999999999s"},
		"an address that is none":               {func(c *AccountConfig) { c.BaseURL = "api.test" }, "base_url is not valid: "},
		"a name of all that it can be of":       {func(c *AccountConfig) { c.Name = "Team_1.a-b" }, ""},
		"no name":                               {func(c *AccountConfig) { c.Name = "" }, `name must be of letters, digits, dots, dashes and underscores, is ""`},
		"a label of all that it can be of":      {func(c *AccountConfig) { c.Labels = map[string]string{"_Team_1": ""} }, ""},
		"a label that begins with a digit":      {func(c *AccountConfig) { c.Labels = map[string]string{"1a": ""} }, "labels.1a is not a label name"},
		"a label that Prometheus reserves":      {func(c *AccountConfig) { c.Labels = map[string]string{"__a": ""} }, "labels.__a is not a label name"},
		"a label that the exporter sets":        {func(c *AccountConfig) { c.Labels = map[string]string{"net_type": ""} }, "labels.net_type is a label that the exporter sets"},
		"the first of two labels in order":      {func(c *AccountConfig) { c.Labels = map[string]string{"c-d": "", "a-b": ""} }, "labels.a-b "},
		"an id that is none":                    {func(c *AccountConfig) { c.IDs = []string{"1", "a b"} }, "phones.ids[1] is not valid: a phone id must be of"},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			tt.change(&c)
			err := c.Validate()
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestNoLabelOfPhonesAndAccountsCanBeAnAccountsOwn(t *testing.T) {
	for _, name := range ReservedLabels() {
		c := testConfig()
		c.Labels = map[string]string{name: "x"}
		if c.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if n := len(ReservedLabels()); n != 13 {
		t.Errorf("%d labels are the exporter's own", n)
	}
}
