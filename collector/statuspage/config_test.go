package statuspage

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"geelark_exporter/collector/config"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

func TestWhatIsShownLoadsAsTheSameConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, selective, byID := newConfig("plain"), newConfig("selective"), newConfig("by-id")
	plain.Credentials = geelark.TokenFile(file("token of 'plain': #1", "a"))
	selective.Credentials = geelark.APIKeyFile{AppID: "0123", File: file("key", "b")}
	selective.Labels = map[string]string{"owner": "growth", "on": "off", "note": `"quoted": [#1] <b>`}
	selective.Discovery = watch.Discovery{
		Groups: []string{"farm-1", "1", "a, b", "yes", `<script>`, "- x"}, Tags: []string{"~", "%"},
		ChargeMode: new(geelark.ChargeMonthly),
	}
	selective.CacheTTL, selective.MaxStaleness, selective.Timeout = 0, 36*time.Hour, 1500*time.Millisecond
	selective.Limits, selective.Concurrency = geelark.Limits{PerMinute: 7, PerHour: 8, Share: 2}, 9
	selective.BaseURL = "https://proxy.example.org/geelark"
	byID.Credentials = geelark.TokenFile(file("another", "c"))
	byID.IDs = []string{"557536075321468390", "0x10", "1e3", "-1", "_", "0o7"}
	byID.IDsFile = file("ids", "1\n")
	want := []watch.AccountConfig{plain, selective, byID}

	text, err := configYAML(want)
	if err != nil {
		t.Fatal(err)
	}
	base := newConfig("base")
	got, err := config.NewFile(file("config.yml", text), base, func(string) string { return "" }).Load()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got %+v\nwant %+v\nfrom %s", got[i], want[i], text)
		}
	}
}

func TestOfManyIDsTheFirstAreShown(t *testing.T) {
	c := newConfig("a")
	for i := range 1234 {
		c.IDs = append(c.IDs, fmt.Sprint("phone-", i))
	}
	text, err := configYAML([]watch.AccountConfig{c})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text, "phone-"); n != maxIDs || !strings.Contains(text, `"phone-99" # and 1,134 more`) {
		t.Errorf("%d ids are shown: %s", n, text)
	}
}
