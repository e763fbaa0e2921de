module geelark_exporter/dashboards/source

go 1.26.0

require (
	geelark_exporter v0.0.0
	github.com/grafana/grafana-foundation-sdk/go v0.0.22
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace geelark_exporter => ../..
