module geelark_exporter/collector/mutation

go 1.26.0
