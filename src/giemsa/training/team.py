"""Processes that train one network together: each says what its part of a batch gave, all hear the mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


@dataclass(frozen=True)
class Team:
    """One member's view of its team.

    Args:
        rank: which member this is, from 0.
        size: how many there are.
        strategy: TensorFlow's multi-worker strategy, which carries what they say; None for one alone.
    """

    rank: int = 0
    size: int = 1
    strategy: Any = None

    def mean(self, said: Any) -> Any:
        """Give the mean over all members of every floating tensor in a nest; the others are the same in all.

        Call it inside a ``tf.function``, in every member at once.
        """
        if self.size == 1:
            return said
        flat = tf.nest.flatten(said)
        heard = iter(self._reduce("MEAN", [each for each in flat if each.dtype.is_floating]))
        return tf.nest.pack_sequence_as(
            said, [next(heard) if each.dtype.is_floating else each for each in flat]
        )

    def total(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add up an array over all members."""
        if self.size == 1:
            return part
        (total,) = tf.function(self._reduce)("SUM", [tf.constant(part)])
        added: NDArray[np.float32] = total.numpy()
        return added

    def _reduce(self, how: str, tensors: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        def reduce(*own: tf.Tensor) -> Any:
            # Without a name of its own a tensor has no device, which the reduction asks for.
            named = [tf.identity(each) for each in own]
            return tf.distribute.get_replica_context().all_reduce(how, named)

        reduced: Sequence[tf.Tensor] = self.strategy.run(reduce, args=tuple(tensors))
        return reduced


ALONE = Team()


def join(rank: int, addresses: Sequence[str]) -> Team:
    """Join a team, as soon as all its members do; nothing may have been done with TensorFlow before.

    Keras 3 does not train under ``tf.distribute.MultiWorkerMirroredStrategy``, see decision 7: the strategy
    is what members talk through, and each has plain variables of its own.

    Args:
        rank: which member this is.
        addresses: ``host:port`` of each member, the same list in all.
    """
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(addresses)}),
        task_type="worker",
        task_id=rank,
        rpc_layer="grpc",
    )
    strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    return Team(rank, len(addresses), strategy)
