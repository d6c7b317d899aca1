"""The crash matrix on SQLite: whatever dies or freezes, each message is as was promised."""

from collections.abc import Iterator

import pytest

from tests.chaos.matrix import Matrix, played_matrix
from tests.chaos.matrix_cells import CELLS, Cell
from tests.chaos.scale import pick

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.chaos,
    pytest.mark.timeout(pick(short=900, long=7200)),
]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with played_matrix(tmp_path_factory.mktemp("matrix"), postgresql=False) as matrix:
        yield matrix


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_each_message_is_as_was_promised(matrix: Matrix, cell: Cell) -> None:
    verdict = matrix.verdict(cell)

    assert verdict.broken(cell.purpose, stream_is_alive=cell.stream_is_alive) == []
