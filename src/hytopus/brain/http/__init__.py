"""What every feature's routes share: sessions, problem documents, paging, live streams, idempotency, request logs."""
