package receivers

// grafana reads Grafana's webhook contact point (grafana/alerting: receivers/webhook/v1), which is Alertmanager's
// with more in it.
type grafana struct{}

func (grafana) Decode(r Request) ([]Draft, error) {
	n, err := decodeNotification(r, "Grafana")
	if err != nil {
		return nil, err
	}
	return []Draft{n.Draft("grafana.message")}, nil
}
