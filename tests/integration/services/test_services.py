"""The services themselves: if these fail, every other integration test is in doubt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.services.postgres import PostgresServer
from tests.services.seaweed import S3, S3Server


@pytest.mark.s3
def test_s3_keeps_what_it_is_given(s3: S3) -> None:
    client = s3.client()
    client.put_object(Bucket=s3.bucket, Key="services/one", Body=b"octopus")
    assert client.get_object(Bucket=s3.bucket, Key="services/one")["Body"].read() == b"octopus"
    client.close()


@pytest.mark.s3
def test_a_killed_s3_server_comes_back_with_its_data(tmp_path: Path) -> None:
    server = S3Server(tmp_path)
    try:
        server.start()
        client = server.s3.client()
        client.put_object(Bucket=server.s3.bucket, Key="kept", Body=b"yes")
        server.kill()
        server.start()
        assert client.get_object(Bucket=server.s3.bucket, Key="kept")["Body"].read() == b"yes"
        client.close()
    finally:
        server.kill()


@pytest.mark.postgres
def test_each_test_has_an_empty_database(postgres: str, postgres_server: PostgresServer) -> None:
    database = postgres.rpartition("/")[2]
    tables = "select count(*) from information_schema.tables where table_schema = 'public'"
    assert postgres_server.sql(tables, database=database).strip() == "0"


@pytest.mark.postgres
def test_a_database_can_be_copied_from_a_template(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database()
    postgres_server.sql("create table there (id int)", database=template)
    copy = postgres_server.create_database(template=template)
    assert postgres_server.sql("select count(*) from there", database=copy).strip() == "0"
    for name in (copy, template):
        postgres_server.drop_database(name)


@pytest.mark.docker
def test_the_engine_answers(docker_engine: str) -> None:
    done = subprocess.run(["docker", "-H", docker_engine, "info"], check=False, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
