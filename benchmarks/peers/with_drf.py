"""Django REST framework: viewsets, serializers and a router."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import transaction
from django.urls import include, path
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.pagination import CursorPagination
from rest_framework.routers import DefaultRouter

from benchmarks.peers.keeping import keep_true, thresholds_of
from benchmarks.peers.models import Alert, Category, Threshold, Token, Transaction


class DigestAuthentication(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        digest = hashlib.sha256(secret).hexdigest()
        token = Token.objects.select_related("user").filter(digest=digest).first()
        if token is None or not token.user.is_active:
            raise exceptions.AuthenticationFailed("Invalid token.")
        return token.user, token

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class OwnCategory(serializers.SlugRelatedField):
    def get_queryset(self) -> Any:
        return Category.objects.filter(user=self.context["request"].user)


class TransactionSerializer(serializers.ModelSerializer):
    category = OwnCategory(slug_field="name")

    class Meta:
        model = Transaction
        fields = ["id", "user", "date", "category", "description", "amount", "type"]
        read_only_fields = ["user"]


class CurrentSerializer(serializers.Serializer):
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    total = serializers.DecimalField(max_digits=14, decimal_places=2)


class ThresholdSerializer(serializers.ModelSerializer):
    category = OwnCategory(slug_field="name")
    current = CurrentSerializer(read_only=True)

    class Meta:
        model = Threshold
        fields = ["id", "user", "name", "amount", "type", "category", "levels", "current"]


class AlertSerializer(serializers.ModelSerializer):
    class Meta:
        model = Alert
        fields = "__all__"


class ByDate(CursorPagination):
    page_size = 50
    ordering = ("-date", "-id")


class ByOpening(CursorPagination):
    page_size = 50
    ordering = ("-opened_at", "-id")


class ListViewSet(mixins.ListModelMixin, viewsets.GenericViewSet):
    authentication_classes = [DigestAuthentication]


class TransactionViewSet(mixins.CreateModelMixin, ListViewSet):
    serializer_class = TransactionSerializer
    pagination_class = ByDate

    def get_queryset(self) -> Any:
        rows = Transaction.objects.filter(user=self.request.user).select_related("category")
        name = self.request.query_params.get("category")
        return rows.filter(category__name=name) if name is not None else rows

    @transaction.atomic
    def perform_create(self, serializer: Any) -> None:
        keep_true(serializer.save(user=self.request.user))


class ThresholdViewSet(ListViewSet):
    serializer_class = ThresholdSerializer
    pagination_class = None

    def get_queryset(self) -> Any:
        return thresholds_of(self.request.user.pk)


class AlertViewSet(ListViewSet):
    serializer_class = AlertSerializer
    pagination_class = ByOpening

    def get_queryset(self) -> Any:
        return Alert.objects.filter(user=self.request.user)


router = DefaultRouter(trailing_slash=False)
router.register("transaction", TransactionViewSet, basename="transaction")
router.register("threshold", ThresholdViewSet, basename="threshold")
router.register("alert", AlertViewSet, basename="alert")
urlpatterns = [path("api/", include(router.urls))]
