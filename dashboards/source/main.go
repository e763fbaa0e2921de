// Command source makes the dashboards: run in its folder, it writes them to
// ../json. Each dashboard is a file here; what they have in common are its
// parts: queries.go, panels.go, words.go and dashboard.go.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// all are the dashboards by the names of their files.
func all() map[string]*dashboard.DashboardBuilder {
	return map[string]*dashboard.DashboardBuilder{
		"fleet.json":   fleet(),
		"api.json":     api(),
		"account.json": account(),
		"cost.json":    costAndTasks(),
	}
}

func main() {
	if err := write(filepath.Join("..", "json")); err != nil {
		fmt.Fprintln(os.Stderr, "making the dashboards:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	for name, d := range all() {
		content, err := encode(d)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unescaped undoes what encoding/json does for HTML: queries are to be read.
var unescaped = [][2][]byte{
	{[]byte(`\u003c`), []byte("<")}, {[]byte(`\u003e`), []byte(">")}, {[]byte(`\u0026`), []byte("&")},
}

// encode returns a dashboard as Grafana exports it.
func encode(b *dashboard.DashboardBuilder) ([]byte, error) {
	d, err := b.Build()
	if err != nil {
		return nil, err
	}
	d.SchemaVersion = schemaVersion
	for i := range d.Templating.List {
		v := &d.Templating.List[i]
		v.Auto, v.AutoCount, v.AutoMin = nil, nil, nil // of intervals only
	}
	for i, p := range d.Panels {
		id := uint32(i + 1)
		if p.RowPanel != nil {
			p.RowPanel.Id = id
		} else {
			p.Panel.Id = &id
			if o, ok := p.Panel.Options.(*table.Options); ok {
				o.Footer = nil // Grafana has another since its version 12
			}
		}
	}
	content, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	for _, u := range unescaped {
		content = bytes.ReplaceAll(content, u[0], u[1])
	}
	return append(content, '\n'), nil
}
