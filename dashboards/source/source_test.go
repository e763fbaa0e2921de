package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTheShippedDashboardsAreMadeHere(t *testing.T) {
	const dir = "../json"
	made := make(map[string]bool)
	for name, d := range all() {
		made[name] = true
		want, err := encode(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its source makes: run go run . in dashboards/source", name)
		}
	}
	shipped, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range shipped {
		if !made[f.Name()] {
			t.Errorf("%s has no source", f.Name())
		}
	}
}
