package watch

import (
	"errors"
	"strings"
	"testing"

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
